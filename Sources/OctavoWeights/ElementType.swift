// The cases are spelled as ggml spells them, so that they can be found in its sources.
// swift-format-ignore: AlwaysUseLowerCamelCase
/// How a file stores the elements of a tensor.
///
/// The floating-point and integer types store one element at a time. The others are ggml's block formats: a block holds
/// 32 or 256 consecutive elements of a row as small integers, together with their scales.
public enum ElementType: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// IEEE 754 single precision.
    case f32 = "F32"
    /// IEEE 754 half precision.
    case f16 = "F16"
    /// The upper half of a single-precision number.
    case bf16 = "BF16"
    /// A signed byte.
    case i8 = "I8"
    /// A signed integer of 16 bits.
    case i16 = "I16"
    /// A signed integer of 32 bits.
    case i32 = "I32"
    /// A signed integer of 64 bits.
    case i64 = "I64"
    /// An unsigned byte.
    case u8 = "U8"
    /// A byte that is 0 or 1.
    case bool = "BOOL"
    /// 4 bits each; a scale for 32.
    case q4_0 = "Q4_0"
    /// 4 bits each; a scale and a minimum for 32.
    case q4_1 = "Q4_1"
    /// 5 bits each; a scale for 32.
    case q5_0 = "Q5_0"
    /// 5 bits each; a scale and a minimum for 32.
    case q5_1 = "Q5_1"
    /// 8 bits each; a scale for 32.
    case q8_0 = "Q8_0"
    /// 2 bits each; 4-bit scales and minima for 16, in blocks of 256.
    case q2_K = "Q2_K"
    /// 3 bits each; 6-bit scales for 16, in blocks of 256.
    case q3_K = "Q3_K"
    /// 4 bits each; 6-bit scales and minima for 32, in blocks of 256.
    case q4_K = "Q4_K"
    /// 5 bits each; 6-bit scales and minima for 32, in blocks of 256.
    case q5_K = "Q5_K"
    /// 6 bits each; 8-bit scales for 16, in blocks of 256.
    case q6_K = "Q6_K"
    /// 4 bits each, the index of one of 16 unevenly spaced values; a scale for 32.
    case iq4_NL = "IQ4_NL"
    /// As `iq4_NL`, with 6-bit scales for 32, in blocks of 256.
    case iq4_XS = "IQ4_XS"

    /// The name both file formats use: `F32`, `Q4_K`.
    public var description: String { rawValue }

    /// How many elements of a row are stored together.
    public var blockLength: Int {
        switch self {
        case .f32, .f16, .bf16, .i8, .i16, .i32, .i64, .u8, .bool: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_NL: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_XS: 256
        }
    }

    /// How many bytes such a block takes.
    public var blockByteCount: Int {
        switch self {
        case .i64: 8
        case .f32, .i32: 4
        case .f16, .bf16, .i16: 2
        case .i8, .u8, .bool: 1
        case .q4_0, .iq4_NL: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_K: 84
        case .q3_K: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        case .iq4_XS: 136
        }
    }
}

extension ElementType {
    /// Whether elements are integers, which alone are no weights.
    var isInteger: Bool {
        switch self {
        case .i8, .i16, .i32, .i64, .u8, .bool: true
        default: false
        }
    }

    /// Whether each element is a floating-point number.
    var isFloat: Bool { blockLength == 1 && !isInteger }

    /// The type that a safetensors header calls `dtype`.
    init?(safetensorsName dtype: String) {
        guard let type = Self(rawValue: dtype), type.blockLength == 1 else { return nil }
        self = type
    }

    /// The type with ggml's number `code` (`enum ggml_type`).
    init?(ggmlCode code: UInt32) {
        switch code {
        case 0: self = .f32
        case 1: self = .f16
        case 2: self = .q4_0
        case 3: self = .q4_1
        case 6: self = .q5_0
        case 7: self = .q5_1
        case 8: self = .q8_0
        case 10: self = .q2_K
        case 11: self = .q3_K
        case 12: self = .q4_K
        case 13: self = .q5_K
        case 14: self = .q6_K
        case 20: self = .iq4_NL
        case 23: self = .iq4_XS
        case 24: self = .i8
        case 30: self = .bf16
        default: return nil
        }
    }

    /// What ggml calls the types that Octavo does not read, by number.
    static let unsupportedGGMLNames: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
        25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]
}
