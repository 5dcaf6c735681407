/// Something that is not as it should be in the queue or its server.
public struct HealthFinding: Sendable, Hashable {
    /// How much it matters.
    public enum Severity: String, Sendable, Comparable {
        /// Work is or will be held up, or slow.
        case warning
        /// What is stored contradicts itself, or the server will stop working.
        case error

        /// Errors are greater.
        public static func < (left: Self, right: Self) -> Bool { left == .warning && right == .error }
    }

    /// The check that found it, in a word.
    public var check: String
    /// How much it matters.
    public var severity: Severity
    /// What was found.
    public var message: String
    /// What to do about it.
    public var remedy: String
    /// What mends it, in SQL.
    var repair: String?
    /// What the repair is told: a batch, or whatever the check looks at.
    var subject: Int64?

    /// Whether `Queue.repair` mends it.
    public var isRepairable: Bool { repair != nil }
}

/// What a look at the queue and its server gave.
public struct HealthReport: Sendable, Hashable {
    /// What is not as it should be, errors first.
    public var findings: [HealthFinding] = []
    /// Checks that this role may not make.
    public var unchecked: [String] = []
}
