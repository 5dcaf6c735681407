extension GGUFFile {
    /// The string at `key`; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type, or no UTF-8.
    public func string(_ key: String) throws(WeightsError) -> String? {
        guard case (let type, var reader)? = value(key) else { return nil }
        guard type == .string else { throw failure(key, "expected a string") }
        return try reader.readString()
    }

    /// The array of strings at `key`; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type, or no UTF-8.
    public func strings(_ key: String) throws(WeightsError) -> [String]? {
        guard case (let count, let type, var reader)? = try array(key) else { return nil }
        guard type == .string else { throw failure(key, "expected an array of strings") }
        var strings: [String] = []
        strings.reserveCapacity(count)
        for _ in 0..<count { strings.append(try reader.readString()) }
        return strings
    }

    /// The array of integers at `key`, of any width; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type, or an element does not fit 32 bits.
    public func int32s(_ key: String) throws(WeightsError) -> [Int32]? {
        guard case (let count, let type, var reader)? = try array(key) else { return nil }
        var integers: [Int32] = []
        integers.reserveCapacity(count)
        for _ in 0..<count {
            guard let integer = try reader.readInteger(type).flatMap(Int32.init(exactly:)) else {
                throw failure(key, "expected an array of 32-bit integers")
            }
            integers.append(integer)
        }
        return integers
    }

    /// The integer at `key`, of any width; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type, or does not fit 64 bits.
    public func integer(_ key: String) throws(WeightsError) -> Int? {
        guard case (let type, var reader)? = value(key) else { return nil }
        guard let integer = try reader.readInteger(type) else { throw failure(key, "expected an integer") }
        return integer
    }

    /// The boolean at `key`; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type.
    public func bool(_ key: String) throws(WeightsError) -> Bool? {
        guard case (let type, var reader)? = value(key) else { return nil }
        guard type == .bool else { throw failure(key, "expected a boolean") }
        let byte = try reader.read(UInt8.self)
        guard byte <= 1 else { throw failure(key, "expected a boolean, found the byte \(byte)") }
        return byte == 1
    }

    /// The floating-point number at `key`, single or double; `nil` if there is none.
    ///
    /// - Throws: `WeightsError` when the value is of another type.
    public func double(_ key: String) throws(WeightsError) -> Double? {
        guard case (let type, var reader)? = value(key) else { return nil }
        switch type {
        case .float32: return Double(Float(bitPattern: try reader.read()))
        case .float64: return Double(bitPattern: try reader.read())
        default: throw failure(key, "expected a floating-point number")
        }
    }

    private func value(_ key: String) -> (type: GGUFValueType, reader: ByteReader)? {
        guard let value = values[key] else { return nil }
        var reader = ByteReader(file, at: value.offset)
        reader.key = key
        return (value.type, reader)
    }

    private func array(
        _ key: String
    ) throws(WeightsError) -> (count: Int, type: GGUFValueType, reader: ByteReader)? {
        guard case (let type, var reader)? = value(key) else { return nil }
        guard type == .array else { throw failure(key, "expected an array") }
        let (elementType, count) = try reader.readArrayHeader()
        return (count, elementType, reader)
    }

    /// An error about the value of `key`.
    func failure(_ key: String, _ reason: String) -> WeightsError {
        WeightsError(path: path, key: key, offset: values[key]?.offset, reason: reason)
    }
}
