import Foundation

/// PostgreSQL's binary formats, written: integers in network order, arrays with a header and a length before each
/// element (`src/backend/utils/adt/*`, the `..._recv` functions).
extension [UInt8] {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends the text's UTF-8.
    ///
    /// - Throws: `.invalidValue` for U+0000, which PostgreSQL cannot store.
    mutating func append(text: String) throws(PostgresError) {
        var text = text
        let isClean = text.withUTF8 { utf8 in
            append(contentsOf: utf8)
            return !utf8.containsZero
        }
        guard isClean else { throw PostgresError.zeroInText }
    }

    /// Appends a one-dimensional array of integers, each of the type's own width.
    mutating func appendArray<Integer: FixedWidthInteger>(_ elements: [Integer], of type: UInt32) {
        let width = MemoryLayout<Integer>.size
        reserveCapacity(count + 20 + elements.count * (4 + width))
        appendArrayHeader(count: elements.count, type: type, hasNulls: false)
        for element in elements {
            appendBigEndian(Int32(width))
            appendBigEndian(element)
        }
    }

    /// Appends a one-dimensional array whose elements vary in length; nil is NULL.
    mutating func appendArray<Value>(
        _ elements: [Value?], of type: UInt32, append: (inout [UInt8], Value) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        appendArrayHeader(count: elements.count, type: type, hasNulls: elements.contains { $0 == nil })
        for element in elements {
            guard let element else {
                appendBigEndian(Int32(-1))
                continue
            }
            try appendSized { buffer throws(PostgresError) in try append(&buffer, element) }
        }
    }

    private mutating func appendArrayHeader(count: Int, type: UInt32, hasNulls: Bool) {
        appendBigEndian(Int32(count == 0 ? 0 : 1))
        appendBigEndian(Int32(hasNulls ? 1 : 0))
        appendBigEndian(type)
        guard count > 0 else { return }
        appendBigEndian(Int32(clamping: count))
        appendBigEndian(Int32(1))
    }

    /// Appends what `body` appends, with its length in four bytes before it.
    ///
    /// - Throws: `.invalidValue` when it is over PostgreSQL's limit of 1 GiB.
    mutating func appendSized(_ body: (inout [UInt8]) throws(PostgresError) -> Void) throws(PostgresError) {
        let place = count
        appendBigEndian(Int32(0))
        try body(&self)
        let size = count - place - 4
        guard size < PostgresValue.maximumSize else { throw PostgresError.valueTooLarge }
        Swift.withUnsafeBytes(of: Int32(size).bigEndian) { replaceSubrange(place..<place + 4, with: $0) }
    }
}

extension PostgresValue {
    /// No value and no message may reach this many bytes (`MaxAllocSize` of the server).
    static let maximumSize = 0x3FFF_FFFF

    /// Appends the value's binary form; nothing for NULL.
    func encode(into buffer: inout [UInt8]) throws(PostgresError) {
        switch self {
        case .null: break
        case .bool(let value): buffer.append(value ? 1 : 0)
        case .int16(let value): buffer.appendBigEndian(value)
        case .int32(let value): buffer.appendBigEndian(value)
        case .int(let value): buffer.appendBigEndian(value)
        case .double(let value): buffer.appendBigEndian(value.bitPattern)
        case .text(let value): try buffer.append(text: value)
        case .bytes(let value): buffer.append(contentsOf: value)
        case .int2Array(let values): buffer.appendArray(values, of: PostgresType.int2)
        case .int4Array(let values): buffer.appendArray(values, of: PostgresType.int4)
        case .int8Array(let values): buffer.appendArray(values, of: PostgresType.int8)
        case .doubleArray(let values): buffer.appendArray(values.map(\.bitPattern), of: PostgresType.float8)
        case .textArray(let values):
            try buffer.appendArray(values, of: PostgresType.text) { buffer, text throws(PostgresError) in
                try buffer.append(text: text)
            }
        case .utf8Array(let values):
            try buffer.appendArray(values, of: PostgresType.text) { buffer, utf8 throws(PostgresError) in
                buffer.append(contentsOf: utf8)
            }
        case .byteaArray(let values):
            try buffer.appendArray(values, of: PostgresType.bytea) { buffer, bytes in buffer.append(contentsOf: bytes) }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    var containsZero: Bool {
        guard let baseAddress else { return false }
        return memchr(baseAddress, 0, count) != nil
    }
}

extension PostgresError {
    static let zeroInText = PostgresError(
        .invalidValue, "text with U+0000 (NUL), which PostgreSQL cannot store",
        sqlState: SQLState.characterNotInRepertoire
    )
    static let valueTooLarge = PostgresError(.invalidValue, "a value of 1 GiB or more, which PostgreSQL cannot store")
}
