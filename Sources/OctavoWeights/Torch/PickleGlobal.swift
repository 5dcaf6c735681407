/// The classes and functions that a checkpoint's pickle may name. None is ever imported or called: they are words.
///
/// Every other name is refused, since a pickle can name any function of Python's.
enum PickleGlobal: Hashable {
    case orderedDictionary
    /// `(storage, offset, size, stride, requires_grad, hooks)`.
    case rebuildTensor
    /// `(tensor, requires_grad, hooks)`.
    case rebuildParameter
    /// `(class, dtype, size, stride, offset, layout, device, requires_grad)`.
    case rebuildWrapper
    /// `(function, class, arguments, state)`.
    case rebuildFromType
    /// A storage's class, with the type of its elements if Octavo reads it.
    case storage(ElementType?)
    /// Words whose value does not matter: dtypes, devices, layouts, sizes.
    case detail
    /// A word of TorchAO.
    case torchAO(TorchAO)

    /// The words of TorchAO's `Int8DynamicActivationInt8Weight`, versions 0.5 to 0.18.
    enum TorchAO: Hashable {
        case linearActivationTensor
        case affineTensor
        case plainImplementation
        case plainLayout
        case zeroPointDomain
        case mappingType
        case symmetricPerToken
        case int8Tensor
        case perRow
        case quantizeArguments
    }

    /// The word for a dotted name; `nil` for a name that is refused.
    init?(name: String) {
        guard let word = Self.words[name] else { return nil }
        self = word
    }

    private static let words: [String: PickleGlobal] = {
        var words: [String: PickleGlobal] = [
            "collections.OrderedDict": .orderedDictionary,
            "torch._utils._rebuild_tensor_v2": .rebuildTensor,
            "torch._utils._rebuild_parameter": .rebuildParameter,
            "torch._utils._rebuild_wrapper_subclass": .rebuildWrapper,
            "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
            "torch.serialization._get_layout": .detail, "torch.device": .detail, "torch.Size": .detail,
            "torch.FloatStorage": .storage(.f32), "torch.HalfStorage": .storage(.f16),
            "torch.BFloat16Storage": .storage(.bf16), "torch.CharStorage": .storage(.i8),
            "torch.ShortStorage": .storage(.i16), "torch.IntStorage": .storage(.i32),
            "torch.LongStorage": .storage(.i64), "torch.ByteStorage": .storage(.u8),
            "torch.BoolStorage": .storage(.bool), "torch.DoubleStorage": .storage(nil),
        ]
        for type in ["float64", "float32", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool"] {
            words["torch.\(type)"] = .detail
        }
        for (name, word) in torchAOWords { words["torchao.\(name)"] = .torchAO(word) }
        return words
    }()

    private static let torchAOWords: [String: TorchAO] = [
        "quantization.linear_activation_quantized_tensor.LinearActivationQuantizedTensor": .linearActivationTensor,
        "dtypes.affine_quantized_tensor.AffineQuantizedTensor": .affineTensor,
        "dtypes.affine_quantized_tensor.PlainAQTLayout": .plainImplementation,
        "dtypes.uintx.plain_layout.PlainAQTTensorImpl": .plainImplementation,
        "dtypes.utils.PlainLayoutType": .plainLayout,
        "dtypes.utils.PlainLayout": .plainLayout,
        "quantization.quant_primitives.ZeroPointDomain": .zeroPointDomain,
        "quantization.quant_primitives.MappingType": .mappingType,
        "quantization.quant_api._int8_symm_per_token_reduced_range_quant": .symmetricPerToken,
        "quantization.Int8Tensor": .int8Tensor,
        "quantization.quantize_.workflows.int8.int8_tensor.Int8Tensor": .int8Tensor,
        "quantization.granularity.PerRow": .perRow,
        "quantization.quantize_.workflows.int8.int8_tensor.QuantizeTensorToInt8Kwargs": .quantizeArguments,
    ]
}
