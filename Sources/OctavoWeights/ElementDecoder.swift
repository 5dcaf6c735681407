/// Turns stored elements into `Float`, in tight loops over raw bytes: a model's every weight passes here when it is
/// loaded.
///
/// Sources need no alignment. Callers have checked that `count` elements lie at the source and fit the destination,
/// and that `count` is a whole number of blocks.
enum ElementDecoder {
    /// Decodes `count` elements of `type`.
    static func decode(
        _ type: ElementType, from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        switch type {
        case .f32: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
        case .f16: decodeF16(from: source, count: count, into: destination)
        case .bf16: decodeBF16(from: source, count: count, into: destination)
        case .i8: decodeIntegers(Int8.self, from: source, count: count, into: destination)
        case .i16: decodeIntegers(Int16.self, from: source, count: count, into: destination)
        case .i32: decodeIntegers(Int32.self, from: source, count: count, into: destination)
        case .i64: decodeIntegers(Int64.self, from: source, count: count, into: destination)
        case .u8, .bool: decodeIntegers(UInt8.self, from: source, count: count, into: destination)
        case .q4_0: decodeQ4_0(from: source, count: count, into: destination)
        case .q4_1: decodeQ4_1(from: source, count: count, into: destination)
        case .q5_0: decodeQ5_0(from: source, count: count, into: destination)
        case .q5_1: decodeQ5_1(from: source, count: count, into: destination)
        case .q8_0: decodeQ8_0(from: source, count: count, into: destination)
        case .q2_K: decodeQ2_K(from: source, count: count, into: destination)
        case .q3_K: decodeQ3_K(from: source, count: count, into: destination)
        case .q4_K: decodeQ4_K(from: source, count: count, into: destination)
        case .q5_K: decodeQ5_K(from: source, count: count, into: destination)
        case .q6_K: decodeQ6_K(from: source, count: count, into: destination)
        case .iq4_NL: decodeIQ4_NL(from: source, count: count, into: destination)
        case .iq4_XS: decodeIQ4_XS(from: source, count: count, into: destination)
        }
    }

    private static func decodeF16(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<count { destination[index] = source.half(at: index &* 2) }
    }

    private static func decodeBF16(
        from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<count {
            let bits = UInt16(littleEndian: source.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
            destination[index] = Float(bitPattern: UInt32(bits) << 16)
        }
    }

    /// Integers beyond 24 bits are rounded.
    private static func decodeIntegers<Integer: FixedWidthInteger>(
        _: Integer.Type, from source: UnsafeRawPointer, count: Int, into destination: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<count {
            let stored = source.loadUnaligned(fromByteOffset: index &* MemoryLayout<Integer>.size, as: Integer.self)
            destination[index] = Float(Integer(littleEndian: stored))
        }
    }
}

extension UnsafeRawPointer {
    /// The byte at `offset`.
    @inline(__always)
    func byte(at offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }

    /// The byte at `offset`, in two's complement.
    @inline(__always)
    func signedByte(at offset: Int) -> Int8 { load(fromByteOffset: offset, as: Int8.self) }

    /// The half-precision number at `offset`, exactly.
    ///
    /// Multiplying by 2¹¹² moves the exponent from half's bias to single's and normalizes subnormals on the way;
    /// infinity and NaN then get back the exponent of all ones. The conversion of `Float16` itself is a library call
    /// on processors without F16C.
    @inline(__always)
    func half(at offset: Int) -> Float {
        let bits = UInt32(UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        let magnitude = (bits & 0x7FFF) << 13
        let rescaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
        let special: UInt32 = magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
        return Float(bitPattern: rescaled | special | (bits & 0x8000) << 16)
    }
}
