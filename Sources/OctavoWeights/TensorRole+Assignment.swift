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
        _ tensors: [String: StoredTensor], in configuration: ModelConfiguration, path: String,
        naming name: (TensorRole) -> String
    ) throws(WeightsError) -> [TensorRole: StoredTensor] {
        var unused = tensors
        var assigned: [TensorRole: StoredTensor] = [:]
        for role in stored(in: configuration) {
            guard let tensor = unused.removeValue(forKey: name(role)) else {
                throw WeightsError(path: path, tensor: name(role), reason: "is missing")
            }
            let shape = role.shape(in: configuration)
            guard tensor.shape == shape else {
                throw tensor.failure("the shape is \(tensor.shape), expected \(shape)")
            }
            guard tensor.elementType != .i8 else { throw tensor.failure("I8 elements have no scale") }
            assigned[role] = tensor
        }
        if configuration.tiesEmbeddings { unused[name(.outputHead)] = nil }
        if let tensor = unused.values.filter({ !isDerivable($0.name) }).min(by: { $0.name < $1.name }) {
            throw tensor.failure("is not part of a Llama model")
        }
        return assigned
    }

    /// Whether a tensor only repeats what the configuration tells: RoPE's frequencies.
    private static func isDerivable(_ name: String) -> Bool {
        name == "rope_freqs.weight" || name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attn_rot_embd.weight")
    }
}
