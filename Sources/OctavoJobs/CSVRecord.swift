/// Comma-separated values as RFC 4180 has them: fields in quotes may hold commas, line breaks and doubled quotes.
public enum CSVRecord {
    /// Why a record cannot be read.
    public struct Problem: Error, Sendable, Hashable {
        /// The field, counted from 1.
        public var field: Int
        /// What is wrong, as a phrase.
        public var reason: String
        /// What to do, as a sentence.
        public var remedy: String
    }

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")

    /// The fields of a record, without the `\r` of a CRLF at its end.
    ///
    /// - Parameter bytes: UTF-8, without the `\n` that ends the record.
    public static func fields(of bytes: [UInt8]) throws(Problem) -> [String] {
        let end = bytes.last == UInt8(ascii: "\r") ? bytes.count - 1 : bytes.count
        var fields: [String] = []
        var place = 0
        while true {
            let isQuoted = place < end && bytes[place] == quote
            let field =
                isQuoted
                ? try quoted(bytes, &place, end, number: fields.count + 1)
                : try plain(bytes, &place, end, number: fields.count + 1)
            fields.append(String(decoding: field, as: UTF8.self))
            guard place < end else { return fields }
            place += 1
            if place == end {
                fields.append("")
                return fields
            }
        }
    }

    /// The bytes up to the next comma.
    private static func plain(
        _ bytes: [UInt8], _ place: inout Int, _ end: Int, number: Int
    ) throws(Problem) -> ArraySlice<UInt8> {
        let start = place
        place = bytes[start..<end].firstIndex(of: comma) ?? end
        guard !bytes[start..<place].contains(quote) else {
            throw Problem(
                field: number, reason: "a quote within a field that does not begin with one",
                remedy: "Put the field into quotes, and double the quotes in it.")
        }
        return bytes[start..<place]
    }

    /// The bytes between quotes, at the first of which `place` stands.
    private static func quoted(
        _ bytes: [UInt8], _ place: inout Int, _ end: Int, number: Int
    ) throws(Problem) -> ArraySlice<UInt8> {
        var field: [UInt8] = []
        place += 1
        while let close = bytes[place..<end].firstIndex(of: quote) {
            field.append(contentsOf: bytes[place..<close])
            place = close + 1
            if place == end || bytes[place] == comma { return field[...] }
            guard bytes[place] == quote else {
                throw Problem(
                    field: number, reason: "text behind a closing quote",
                    remedy: "Double the quotes within the field.")
            }
            field.append(quote)
            place += 1
        }
        throw Problem(field: number, reason: "a quote that is never closed", remedy: "Close it.")
    }

    /// Appends a record, its fields in quotes where they need them, ended by CRLF as the RFC has it.
    public static func write(_ fields: [String], to bytes: inout [UInt8]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(comma) }
            let needsQuotes =
                field.utf8.contains { [quote, comma, 0x0A, 0x0D].contains($0) } || field.first == " "
                || field.last == " "
            guard needsQuotes else {
                bytes.append(contentsOf: field.utf8)
                continue
            }
            bytes.append(quote)
            for byte in field.utf8 {
                if byte == quote { bytes.append(quote) }
                bytes.append(byte)
            }
            bytes.append(quote)
        }
        bytes.append(contentsOf: [0x0D, 0x0A])
    }
}

/// Finds the ends of records in bytes that come piece by piece: the line breaks that no quotes enclose.
public struct CSVRecordScanner: Sendable {
    private var isQuoted = false
    private var isFieldStart = true
    /// The line breaks within quotes since the record's start.
    public private(set) var innerLines = 0

    /// A scanner at the start of a record.
    public init() {}

    /// Whether a quote stands open.
    public var isInQuotes: Bool { isQuoted }

    /// The index of the `\n` that ends the record, if the piece has it.
    public mutating func end(in piece: ArraySlice<UInt8>) -> Int? {
        for index in piece.indices {
            switch piece[index] {
            case UInt8(ascii: "\""):
                // Doubled quotes close and open again, which comes to the same.
                if isQuoted { isQuoted = false } else if isFieldStart { isQuoted = true }
                // A quote that closed a field may be the first of two.
                isFieldStart = !isQuoted
            case UInt8(ascii: "\n"):
                if !isQuoted { return index }
                innerLines += 1
            case UInt8(ascii: ","): if !isQuoted { isFieldStart = true }
            default: isFieldStart = false
            }
        }
        return nil
    }
}
