/// What went wrong with a name, the cache or the hub: what it is about, why, and what to do.
public struct HubError: Error, Hashable, CustomStringConvertible {
    /// What kind of trouble it is, from which a program chooses its exit status.
    public enum Kind: Sendable, Hashable {
        /// The repository, the revision or the file is not there.
        case notFound
        /// The hub refuses to give it to this user.
        case accessDenied
        /// The hub cannot be asked, or does not answer properly.
        case unavailable
        /// What the hub or the cache gave is not what it should be.
        case badData
        /// The cache cannot be written.
        case cannotWrite
    }

    /// The kind of trouble.
    public var kind: Kind
    /// The model, file or path that it is about.
    public var subject: String
    /// What is wrong, as a phrase.
    public var reason: String
    /// What to do, as a sentence; may be empty.
    public var remedy: String

    /// An error about `subject`.
    public init(_ kind: Kind, _ subject: String, _ reason: String, remedy: String = "") {
        self.kind = kind
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }

    /// One line: `org/name: there is no such model. Check the spelling.`
    public var description: String {
        let sentence = "\(subject): \(reason)"
        return remedy.isEmpty ? sentence : "\(sentence). \(remedy)"
    }
}
