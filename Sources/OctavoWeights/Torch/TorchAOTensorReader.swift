/// Reads the tensor classes of TorchAO's `Int8DynamicActivationInt8Weight`, and refuses what would be another scheme.
///
/// Versions 0.5 to 0.17 nest three classes (`LinearActivationQuantizedTensor`, `AffineQuantizedTensor`, and the plain
/// implementation with values and scales); version 2 of the scheme, from 0.17 on, has one, `Int8Tensor`.
struct TorchAOTensorReader {
    let tensors: TorchTensorReader
    let name: String

    private typealias Reference = PickleDocument.Reference
    private var document: PickleDocument { tensors.document }

    /// The INT8 weight that `_rebuild_from_type_v2(function, class, arguments, state)` describes.
    func weight(_ arguments: [PickleDocument.Reference]) throws(WeightsError) -> StoredWeight {
        let (kind, state) = try object(arguments)
        switch kind {
        case .linearActivationTensor: return try linearActivationTensor(state)
        case .int8Tensor: return try int8Tensor(state)
        default:
            throw failure(
                "is quantized in its weights only: Octavo computes in INT8 what TorchAO's Int8DynamicActivationInt8Weight "
                    + "wrote, or quantizes the original checkpoint")
        }
    }

    /// Values, scales and, if all of it is zero, the zero point.
    private func weight(
        values: Reference?, scale: Reference?, zeroPoint: Reference?
    ) throws(WeightsError) -> StoredWeight {
        guard let values, let scale else { throw failure("has no values or no scale") }
        return try StoredWeight(
            int8: try tensors.tensor(name, values), scale: try tensors.tensor(name, scale),
            zeroPoint: try zeroPoint.map { value throws(WeightsError) in try tensors.tensor(name, value) })
    }

    private func failure(_ reason: String) -> WeightsError { tensors.failure(name, reason) }
}

// MARK: - Version 1

extension TorchAOTensorReader {
    private func linearActivationTensor(_ state: State) throws(WeightsError) -> StoredWeight {
        guard case .global(.torchAO(.symmetricPerToken))? = state.value("input_quant_func", in: document) else {
            throw failure("its activations are not quantized symmetrically per token: this scheme is not supported")
        }
        if let arguments = state["quant_kwargs"] {
            guard document.members(arguments)?.isEmpty == true else { throw failure("quant_kwargs are not supported") }
        }
        try state.refuseOthers(["input_quant_func", "quant_kwargs", "original_weight_tensor"], failure)
        return try affineTensor(try nested("original_weight_tensor", .affineTensor, in: state))
    }

    private func affineTensor(_ state: State) throws(WeightsError) -> StoredWeight {
        for (key, limit) in [("quant_min", -128), ("quant_max", 127)] {
            guard let value = state[key] else { continue }
            guard document.integer(value) == limit else {
                throw failure("a \(key) other than \(limit) is not supported")
            }
        }
        let key = state["tensor_impl"] != nil ? "tensor_impl" : "layout_tensor"
        let implementation = try nested(key, .plainImplementation, in: state)
        try state.refuseOthers(["quant_min", "quant_max", key, "block_size", "zero_point_domain"], failure)
        try implementation.refuseOthers(["int_data", "scale", "zero_point", "_layout", "layout_type"], failure)
        let result = try weight(
            values: implementation["int_data"], scale: implementation["scale"],
            zeroPoint: implementation["zero_point"])
        try checkBlockSize(state["block_size"], columns: result.shape[1])
        return result
    }

    /// The state of the tensor at `key`, which is of class `kind`.
    private func nested(
        _ key: String, _ kind: PickleGlobal.TorchAO, in state: State
    ) throws(WeightsError) -> State {
        guard let value = state[key], case (.rebuildFromType, let arguments) = try tensors.call(name, value),
            case (kind, let inner) = try object(arguments)
        else { throw failure("its \(key) is not of the class expected: this scheme is not supported") }
        return inner
    }
}

// MARK: - Version 2

extension TorchAOTensorReader {
    private func int8Tensor(_ state: State) throws(WeightsError) -> StoredWeight {
        for key in ["act_quant_scale", "act_quant_zero_point", "act_pre_scale"] where state[key] != nil {
            throw failure("\(key) (static activations, or ones scaled before) is not supported")
        }
        if let value = state["reduce_range"] {
            guard case .bool(false) = document[value] else { throw failure("reduce_range is not supported") }
        }
        try checkActivations(state["act_quant_kwargs"])
        try state.refuseOthers(
            ["qdata", "scale", "zero_point", "block_size", "act_quant_kwargs", "reduce_range"], failure)
        let result = try weight(values: state["qdata"], scale: state["scale"], zeroPoint: state["zero_point"])
        try checkBlockSize(state["block_size"], columns: result.shape[1])
        return result
    }

    /// Activations are to be quantized per row, symmetrically, in their full range.
    private func checkActivations(_ value: Reference?) throws(WeightsError) {
        guard let value, case .call(.torchAO(.quantizeArguments), _, let state?) = document[value],
            let fields = State(document, state)
        else {
            throw failure("is quantized in its weights only: quantize the original by Int8DynamicActivationInt8Weight")
        }
        if let mapping = fields["mapping_type"] {
            guard case .call(.torchAO(.mappingType), let arguments, _) = document[mapping],
                document.integers(arguments) == [1]
            else { throw failure("activations are not quantized symmetrically: this scheme is not supported") }
        }
        if let range = fields["reduce_range"] {
            guard case .bool(false) = document[range] else { throw failure("reduce_range is not supported") }
        }
        if let granularity = fields["granularity"] {
            guard case .call(.torchAO(.perRow), _, let state) = document[granularity],
                state.flatMap({ State(document, $0)?["dim"] }).map({ document.integer($0) == -1 }) ?? true
            else { throw failure("activations are not quantized per token: this scheme is not supported") }
        }
        try fields.refuseOthers(["mapping_type", "reduce_range", "granularity"], failure)
    }
}

// MARK: - Both

extension TorchAOTensorReader {
    /// The attributes of an object; those that are `None` count as absent.
    private struct State {
        private var members: [String: Reference] = [:]

        init?(_ document: PickleDocument, _ reference: Reference) {
            // An object with slots has a pair, its dictionary and theirs.
            let dictionary = document.elements(reference)?.first ?? reference
            guard let members = document.members(dictionary, limit: 32) else { return nil }
            for (key, value) in members {
                if case .none = document[value] { continue }
                self.members[key] = value
            }
        }

        subscript(key: String) -> Reference? { members[key] }

        func value(_ key: String, in document: PickleDocument) -> PickleDocument.Value? {
            members[key].map { document[$0] }
        }

        /// Refuses attributes that Octavo does not know, since they may change what the weights mean.
        func refuseOthers(_ known: [String], _ failure: (String) -> WeightsError) throws(WeightsError) {
            guard let stranger = members.keys.filter({ !known.contains($0) }).min() else { return }
            throw failure("its attribute \(stranger) is not supported: it is of a newer TorchAO")
        }
    }

    /// The class and the attributes of a tensor object.
    private func object(_ arguments: [Reference]) throws(WeightsError) -> (PickleGlobal.TorchAO, State) {
        guard arguments.count == 4, case .global(.rebuildWrapper) = document[arguments[0]],
            case .global(.torchAO(let kind)) = document[arguments[1]], let state = State(document, arguments[3])
        else { throw failure("is of a class that is not supported, or described by a damaged pickle") }
        return (kind, state)
    }

    /// One scale is for a whole row: the block is `(1, columns)`.
    private func checkBlockSize(_ value: Reference?, columns: Int) throws(WeightsError) {
        guard let value, document.integers(value) == [1, columns] else {
            throw failure("its scales are not one per row of \(columns): this scheme is not supported")
        }
    }
}
