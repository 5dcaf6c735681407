/// The type of a metadata value in a GGUF file, by the number that the file uses.
enum GGUFValueType: UInt32 {
    case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

    /// The bytes of a value; `nil` where they vary.
    var byteCount: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        case .string, .array: nil
        }
    }

    /// The fewest bytes that a value can take.
    var minimumByteCount: Int {
        switch self {
        case .string: 8
        case .array: 12
        default: byteCount ?? 1
        }
    }
}

/// Where a metadata value lies in its file; decoded when it is asked for.
struct GGUFValue {
    let type: GGUFValueType
    let offset: Int
}

extension ByteReader {
    mutating func readValueType() throws(WeightsError) -> GGUFValueType {
        let start = offset
        let code = try read(UInt32.self)
        guard let type = GGUFValueType(rawValue: code) else {
            throw failure("value type \(code) does not exist", at: start)
        }
        return type
    }

    /// The element type and count that an array begins with.
    mutating func readArrayHeader() throws(WeightsError) -> (type: GGUFValueType, count: Int) {
        let type = try readValueType()
        return (type, try readCount(minimumSize: type.minimumByteCount, of: "array elements"))
    }

    /// Passes over a value, finding that it lies in the file. Arrays may hold arrays, four deep.
    mutating func skipValue(_ type: GGUFValueType, depth: Int = 0) throws(WeightsError) {
        switch type {
        case .string: try skip(try readCount(minimumSize: 1, of: "bytes of a string"))
        case .array:
            guard depth < 4 else { throw failure("arrays nested more than four deep") }
            let (elementType, count) = try readArrayHeader()
            if let byteCount = elementType.byteCount {
                try skip(count * byteCount)
            } else {
                for _ in 0..<count { try skipValue(elementType, depth: depth + 1) }
            }
        default: try skip(type.byteCount ?? 0)
        }
    }

    /// An integer of any width, if `type` is one and the value fits.
    mutating func readInteger(_ type: GGUFValueType) throws(WeightsError) -> Int? {
        switch type {
        case .uint8: Int(try read(UInt8.self))
        case .int8: Int(try read(Int8.self))
        case .uint16: Int(try read(UInt16.self))
        case .int16: Int(try read(Int16.self))
        case .uint32: Int(try read(UInt32.self))
        case .int32: Int(try read(Int32.self))
        case .uint64: Int(exactly: try read(UInt64.self))
        case .int64: Int(try read(Int64.self))
        case .float32, .float64, .bool, .string, .array: nil
        }
    }
}
