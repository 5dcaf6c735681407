extension TensorRole {
    /// Gives every role of the model the tensor of its name.
    ///
    /// A tensor that no role uses would change what the model computes (a bias, a norm of queries), so it is refused,
    /// but for buffers that can be derived.
    ///
    /// - Parameter name: a role's name in this format.
    /// - Throws: `WeightsError` for a tensor that is missing, of the wrong shape, of integers without a scale, or
    ///   unknown.
    static func assign(
        _ tensors: [String: StoredWeight], in configuration: ModelConfiguration, path: String,
        naming name: (TensorRole) -> String
    ) throws(WeightsError) -> [TensorRole: StoredWeight] {
        var unused = tensors
        var assigned: [TensorRole: StoredWeight] = [:]
        for role in stored(in: configuration) {
            guard let tensor = unused.removeValue(forKey: name(role)) else {
                throw WeightsError(path: path, tensor: name(role), reason: "is missing")
            }
            let shape = role.shape(in: configuration)
            guard tensor.shape == shape else {
                throw tensor.failure("the shape is \(tensor.shape), expected \(shape)")
            }
            guard !tensor.elementType.isInteger || tensor.scale != nil else {
                throw tensor.failure(
                    "\(tensor.elementType) elements have no scale: the quantization_config of config.json is missing, or is "
                        + "another tool's")
            }
            assigned[role] = tensor
        }
        if configuration.tiesEmbeddings { unused[name(.outputHead)] = nil }
        if let (name, tensor) = unused.filter({ !isDerivable($0.key) }).min(by: { $0.key < $1.key }) {
            throw tensor.failure(reasonAgainst(name))
        }
        return assigned
    }

    /// Why a tensor that no role uses is refused.
    private static func reasonAgainst(_ name: String) -> String {
        let known = [
            (".bias", "biases are not supported"),
            (".input_scale", "static scales of activations are not supported, only dynamic ones per token"),
            ("zero_point", "zero points are not supported, only symmetric quantization"),
            (".lora_A.weight", "adapters are not supported: merge it into the model first"),
        ]
        let reason = known.first { name.hasSuffix($0.0) }?.1
        return "is not part of a Llama model that Octavo computes" + (reason.map { ": " + $0 } ?? "")
    }

    /// Whether a tensor only repeats what the configuration tells: RoPE's frequencies.
    private static func isDerivable(_ name: String) -> Bool {
        name == "rope_freqs.weight" || name == "rope.freqs" || name.hasSuffix(".rotary_emb.inv_freq")
            || name.hasSuffix(".attn_rot_embd.weight")
    }
}
