import Foundation

/// A Swift type that PostgreSQL's binary format of some types can be read as.
protocol BinaryDecodable {
    /// What a reader of an error message calls it.
    static var expectation: String { get }

    /// The value, or nil if the column is of another type or its bytes do not fit.
    ///
    /// - Parameter type: the column's type, or nil in COPY, which does not say: there the length decides.
    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Self?
}

extension UnsafeRawBufferPointer {
    /// The integer in network order at `offset`, or nil if it would pass the end.
    func bigEndian<T: FixedWidthInteger>(_: T.Type, at offset: Int = 0) -> T? {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        return T(bigEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension Int: BinaryDecodable {
    static var expectation: String { "an integer" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Int? {
        switch (type, bytes.count) {
        case (PostgresType.oid, 4): bytes.bigEndian(UInt32.self).map(Int.init)
        case (PostgresType.int2, 2), (nil, 2): bytes.bigEndian(Int16.self).map(Int.init)
        case (PostgresType.int4, 4), (nil, 4): bytes.bigEndian(Int32.self).map(Int.init)
        case (PostgresType.int8, 8), (nil, 8): bytes.bigEndian(Int64.self).map(Int.init)
        default: nil
        }
    }
}

extension Bool: BinaryDecodable {
    static var expectation: String { "a boolean" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Bool? {
        guard type == PostgresType.bool || type == nil, bytes.count == 1 else { return nil }
        return bytes[0] != 0
    }
}

extension Double: BinaryDecodable {
    static var expectation: String { "a floating-point number" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Double? {
        switch (type, bytes.count) {
        case (PostgresType.float4, 4), (nil, 4): bytes.bigEndian(UInt32.self).map { Double(Float(bitPattern: $0)) }
        case (PostgresType.float8, 8), (nil, 8): bytes.bigEndian(UInt64.self).map(Double.init(bitPattern:))
        default: nil
        }
    }
}

extension String: BinaryDecodable {
    static var expectation: String { "text" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> String? {
        textBytes(bytes, type: type).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The UTF-8 of a textual type; `jsonb` has a version number, 1, before it.
    fileprivate static func textBytes(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Slice<UnsafeRawBufferPointer>?
    {
        switch type {
        case nil, PostgresType.text, PostgresType.varchar, PostgresType.bpchar, PostgresType.name, PostgresType.json:
            return bytes[...]
        case PostgresType.jsonb: return bytes.first == 1 ? bytes.dropFirst() : nil
        case .some(let type): return type >= PostgresType.firstUserDefined ? bytes[...] : nil
        }
    }
}

extension [UInt8]: BinaryDecodable {
    static var expectation: String { "bytes" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> [UInt8]? {
        if type == PostgresType.bytea { return Array(bytes) }
        return String.textBytes(bytes, type: type).map(Array.init)
    }
}

extension Date: BinaryDecodable {
    static var expectation: String { "a time" }

    /// 2000-01-01, PostgreSQL's epoch, in Unix time.
    private static let postgresEpoch = 946_684_800.0

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> Date? {
        guard type == PostgresType.timestamptz || type == PostgresType.timestamp || type == nil, bytes.count == 8 else {
            return nil
        }
        return bytes.bigEndian(Int64.self).map {
            Date(timeIntervalSince1970: postgresEpoch + Double($0) / 1_000_000)
        }
    }
}

/// A one-dimensional array, element by element.
struct DecodedArray<Element: BinaryDecodable>: BinaryDecodable {
    var elements: [Element?]

    static var expectation: String { "an array, each element \(Element.expectation)" }

    static func decode(_ bytes: UnsafeRawBufferPointer, type: UInt32?) -> DecodedArray? {
        guard let dimensions = bytes.bigEndian(Int32.self, at: 0),
            let elementType = bytes.bigEndian(UInt32.self, at: 8), type.map({ arrayTypes[elementType] == $0 }) ?? true
        else { return nil }
        guard dimensions != 0 else { return DecodedArray(elements: []) }
        guard dimensions == 1, let count = bytes.bigEndian(Int32.self, at: 12), count >= 0,
            Int(count) <= (bytes.count - 20) / 4
        else { return nil }
        var elements: [Element?] = []
        elements.reserveCapacity(Int(count))
        var offset = 20
        for _ in 0..<count {
            guard let size = bytes.bigEndian(Int32.self, at: offset) else { return nil }
            offset += 4
            guard size >= 0 else {
                elements.append(nil)
                continue
            }
            guard Int(size) <= bytes.count - offset else { return nil }
            let field = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(size)])
            guard let element = Element.decode(field, type: elementType) else { return nil }
            elements.append(element)
            offset += Int(size)
        }
        return DecodedArray(elements: elements)
    }
}

/// The array type of each element type that can be read.
private let arrayTypes: [UInt32: UInt32] = [
    PostgresType.int2: PostgresType.int2Array, PostgresType.int4: PostgresType.int4Array,
    PostgresType.int8: PostgresType.int8Array, PostgresType.float8: PostgresType.float8Array,
    PostgresType.text: PostgresType.textArray, PostgresType.bytea: PostgresType.byteaArray,
]
