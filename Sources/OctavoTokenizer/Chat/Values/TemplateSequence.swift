/// The elements of a list or tuple, and how deeply values are nested in it.
struct TemplateSequence {
    let elements: [TemplateValue]
    let depth: Int

    init(_ elements: [TemplateValue]) {
        self.elements = elements
        depth = 1 + elements.reduce(0) { max($0, $1.depth) }
    }
}

/// A dictionary in insertion order.
///
/// Messages have a handful of keys, so look-up is a linear scan; larger ones have an index.
struct TemplateMapping {
    typealias Entry = (key: TemplateValue, value: TemplateValue)

    let entries: [Entry]
    let depth: Int
    private let index: [TemplateKey: Int]?

    /// A mapping of entries whose keys differ and can be hashed.
    init(unique entries: [Entry]) {
        self.entries = entries
        depth = 1 + entries.reduce(0) { max($0, $1.key.depth, $1.value.depth) }
        guard entries.count > 16 else {
            index = nil
            return
        }
        var index: [TemplateKey: Int] = [:]
        for (place, entry) in entries.enumerated() {
            if let key = TemplateKey(entry.key) { index[key] = place }
        }
        self.index = index
    }

    /// A mapping of entries in the order written; a key written twice keeps its first place and last value.
    init(_ written: [Entry]) throws {
        var entries: [Entry] = []
        var places: [TemplateKey: Int] = [:]
        for entry in written {
            guard let key = TemplateKey(entry.key) else {
                throw TemplateFault.evaluation("unhashable type: '\(entry.key.typeName)'")
            }
            if let place = places[key] {
                entries[place].value = entry.value
            } else {
                places[key] = entries.count
                entries.append(entry)
            }
        }
        self.init(unique: entries)
    }

    /// The value of `key`, if there is one.
    subscript(key: TemplateValue) -> TemplateValue? {
        guard let key = TemplateKey(key) else { return nil }
        guard let index else { return entries.first { TemplateKey($0.key) == key }?.value }
        return index[key].map { entries[$0].value }
    }

    /// The value of the key `name`, if there is one.
    subscript(name: String) -> TemplateValue? { self[.text(TemplateText(name))] }
}

/// A value as the key of a mapping: equal numbers are one key, whatever their type.
enum TemplateKey: Hashable {
    case none
    case integer(Int)
    case bigInteger(String)
    case double(Double)
    case text(TemplateText)
    case tuple([TemplateKey])

    /// Nothing for a value that cannot be a key.
    init?(_ value: TemplateValue) {
        switch value {
        case .none: self = .none
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .bigInteger(let digits): self = .bigInteger(digits)
        case .double(let value): self = Int(exactly: value).map(TemplateKey.integer) ?? .double(value)
        case .text(let text): self = .text(text)
        // A tuple of tuples could take for ever to hash.
        case .tuple(let sequence) where sequence.depth == 1:
            let keys = sequence.elements.compactMap { TemplateKey($0) }
            guard keys.count == sequence.elements.count else { return nil }
            self = .tuple(keys)
        case .undefined, .list, .tuple, .mapping, .iterator, .namespace, .loop, .callable: return nil
        }
    }
}
