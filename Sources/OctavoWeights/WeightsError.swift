/// What is wrong with a model's files: which file, where in it, and why.
public struct WeightsError: Error, Hashable, CustomStringConvertible {
    /// The file or folder, as the caller named it.
    public var path: String
    /// The tensor, by its name in the file, if one is to blame.
    public var tensor: String?
    /// The key of the metadata or configuration, if one is to blame; members of objects joined by dots.
    public var key: String?
    /// The byte in the file at which it was noticed, counted from 0.
    public var offset: Int?
    /// What is wrong, as a phrase.
    public var reason: String

    /// An error about `path`; the places inside the file are given as far as they are known.
    public init(path: String, tensor: String? = nil, key: String? = nil, offset: Int? = nil, reason: String) {
        self.path = path
        self.tensor = tensor
        self.key = key
        self.offset = offset
        self.reason = reason
    }

    /// The end of a reason that a file lacks bytes or holds what nobody writes: what to do about it.
    static let fetchAgain = "the file is cut short or damaged; fetch it again"

    /// One line: `model.gguf: tensor blk.3.attn_q.weight at byte 123456: type 21 is not supported`.
    public var description: String {
        var place: [String] = []
        if let tensor { place.append("tensor \(tensor)") }
        if let key { place.append("key \(key)") }
        if let offset { place.append("at byte \(offset)") }
        let parts = [path] + (place.isEmpty ? [] : [place.joined(separator: " ")]) + [reason]
        return parts.map(Self.onOneLine).joined(separator: ": ")
    }

    /// Names come from files: without control characters, and cut where they are absurdly long.
    private static func onOneLine(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(1000).map { $0.properties.generalCategory == .control ? "?" : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
