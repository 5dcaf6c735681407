/// What a pickle holds, as inert values that name one another by their number.
///
/// Numbers in place of references let values be shared, and even contain themselves, without anything to unwind: a pickle
/// a million levels deep is as flat as any other.
struct PickleDocument {
    /// The number of a value.
    typealias Reference = Int32

    /// A value of Python's, as far as checkpoints need them.
    enum Value {
        case none
        case bool(Bool)
        case integer(Int)
        case double(Double)
        case string(String)
        case tuple([Reference])
        /// The number of a container that holds the elements.
        case list(Int32)
        /// The number of a container that holds keys and values in turn, in the order in which they were set.
        case dictionary(Int32)
        case global(PickleGlobal)
        /// What a function or class would make of a tuple of arguments, and the state it would then be given.
        case call(PickleGlobal, arguments: Reference, state: Reference?)
        /// An object outside of the pickle, by the tuple that names it: PyTorch's storages.
        case external(Reference)
    }

    /// All values; the first three are `None`, `False` and `True`.
    var values: [Value] = [.none, .bool(false), .bool(true)]
    /// What lists and dictionaries hold: apart from the values, so that it grows in place.
    var containers: [[Reference]] = []
    /// The value of the whole pickle.
    var root: Reference = 0

    subscript(reference: Reference) -> Value {
        get { values[Int(reference)] }
        set { values[Int(reference)] = newValue }
    }

    /// The elements of a tuple or a list.
    func elements(_ reference: Reference) -> [Reference]? {
        switch self[reference] {
        case .tuple(let elements): elements
        case .list(let container): containers[Int(container)]
        default: nil
        }
    }

    /// The integers of a tuple or a list of up to eight and nothing else, or of a `torch.Size` of them.
    func integers(_ reference: Reference) -> [Int]? {
        var reference = reference
        if case .call(.detail, let arguments, _) = self[reference], let first = elements(arguments)?.first {
            reference = first
        }
        guard let elements = elements(reference), elements.count <= 8 else { return nil }
        let integers = elements.compactMap { integer($0) }
        return integers.count == elements.count ? integers : nil
    }

    func integer(_ reference: Reference) -> Int? {
        guard case .integer(let value) = self[reference] else { return nil }
        return value
    }

    func string(_ reference: Reference) -> String? {
        guard case .string(let value) = self[reference] else { return nil }
        return value
    }

    /// The members of a dictionary of at most `limit` whose keys are strings, in order.
    func members(_ reference: Reference, limit: Int = .max) -> [(key: String, value: Reference)]? {
        guard case .dictionary(let container) = self[reference] else { return nil }
        let flat = containers[Int(container)]
        guard flat.count / 2 <= limit else { return nil }
        var members: [(key: String, value: Reference)] = []
        members.reserveCapacity(flat.count / 2)
        for index in stride(from: 0, to: flat.count, by: 2) {
            guard let key = string(flat[index]) else { return nil }
            members.append((key, flat[index + 1]))
        }
        return members
    }
}
