import OctavoPostgres

/// A request that could not be answered, by its own fault.
public struct FailedRequest: Sendable {
    /// The request.
    public var key: RequestKey
    /// The class of the failure, a word: `timeout`, `context_length`, ...
    public var kind: String
    /// Whether trying again is pointless.
    public var isPermanent: Bool
    /// The HTTP status that an API would have answered with.
    public var statusCode: Int
    /// The OpenAI error object, as JSON text.
    public var error: String

    /// Makes a failure.
    public init(key: RequestKey, kind: String, isPermanent: Bool, statusCode: Int, error: String) {
        self.key = key
        self.kind = kind
        self.isPermanent = isPermanent
        self.statusCode = statusCode
        self.error = error
    }
}

/// What became of failures that were reported.
public struct FailOutcome: Sendable, Hashable {
    /// Will be tried again, after a pause that grows with their attempts.
    public var retried: Int
    /// Have come to their end.
    public var failed: Int
    /// Whether the lease was reaped, and nothing recorded.
    public var isFenced: Bool

    /// Makes a value.
    public init(retried: Int, failed: Int, isFenced: Bool) {
        self.retried = retried
        self.failed = failed
        self.isFenced = isFenced
    }
}

extension Queue {
    /// Takes failed requests out of a lease, at the cost of one attempt each. Does not renew the lease, but ends it when
    /// nothing of it is left.
    ///
    /// - Complexity: some statements in the server per request; failures are expected to be few.
    public func fail(token: Int64, _ failures: [FailedRequest]) async throws -> FailOutcome {
        try await row(FailRequests(token: token, failures: failures))
    }
}

private struct FailRequests: Statement {
    static let sql = "SELECT * FROM octavo.fail_v1($1, $2, $3, $4, $5, $6, $7)"
    var token: Int64
    var failures: [FailedRequest]

    var parameters: [PostgresValue] {
        [
            .int(token), .int8Array(failures.map(\.key.batchID)), .int4Array(failures.map(\.key.position)),
            .textArray(failures.map(\.kind)), .int2Array(failures.map { $0.isPermanent ? 1 : 0 }),
            .int2Array(failures.map { Int16(clamping: $0.statusCode) }), .textArray(failures.map(\.error)),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> FailOutcome {
        FailOutcome(
            retried: try row.int("retried"), failed: try row.int("failed"), isFenced: try row.bool("is_fenced"))
    }
}
