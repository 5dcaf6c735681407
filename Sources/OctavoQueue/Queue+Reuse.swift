import OctavoPostgres

/// All that an answer depends on, as 128 bits of a hash: requests that have the same have the same answer.
public struct AnswerIdentity: Sendable, Hashable {
    /// The hash, 16 bytes.
    public var bytes: [UInt8]

    /// An identity of 16 bytes.
    public init(bytes: [UInt8]) {
        precondition(bytes.count == 16, "an identity has 16 bytes")
        self.bytes = bytes
    }
}

/// A request that another's answer answers, too.
public struct ReusedAnswer: Sendable, Hashable {
    /// The request.
    public var key: RequestKey
    /// The one whose result is copied.
    public var source: RequestKey

    /// Makes a value.
    public init(key: RequestKey, source: RequestKey) {
        self.key = key
        self.source = source
    }
}

extension Queue {
    /// Finds which requests, of any batch, have answers to be copied.
    ///
    /// - Returns: for each identity that somebody has answered, the request whose result that is.
    public func findAnswers(_ identities: some Collection<AnswerIdentity>) async throws -> [AnswerIdentity: RequestKey]
    {
        guard !identities.isEmpty else { return [:] }
        let found = try await rows(FindIdentities(identities: Array(identities)))
        return Dictionary(found, uniquingKeysWith: { first, _ in first })
    }

    /// Takes note of results that were stored, so that they can be copied.
    public func rememberAnswers(_ answers: [(identity: AnswerIdentity, key: RequestKey)]) async throws {
        guard !answers.isEmpty else { return }
        _ = try await rows(RememberAnswers(identities: answers.map(\.identity), keys: answers.map(\.key)))
    }

    /// Finishes requests of a lease with copies of results, as `finish` does with results.
    ///
    /// - Returns: how many were finished; a request whose source is gone is in neither count, and stays in the lease.
    public func reuse(token: Int64, _ answers: [ReusedAnswer], timeToLive: Duration) async throws -> FinishOutcome {
        try await row(ReuseAnswers(token: token, answers: answers, timeToLive: timeToLive))
    }

    /// Forgets where answers are that a batch has, at most `limit` of them.
    ///
    /// - Returns: how many were forgotten; fewer than `limit` when none is left.
    func forgetAnswers(of batch: Int64, limit: Int) async throws -> Int {
        try await row(ForgetAnswers(batch: batch, limit: limit))
    }
}

private struct FindIdentities: Statement {
    static let sql = "SELECT identity, batch_id, position FROM octavo.find_answers_v1($1)"
    var identities: [AnswerIdentity]

    var parameters: [PostgresValue] { [.byteaArray(identities.map(\.bytes))] }

    static func decode(_ row: PostgresRow) throws -> (AnswerIdentity, RequestKey) {
        (
            AnswerIdentity(bytes: try row.bytes("identity")),
            RequestKey(batchID: Int64(try row.int("batch_id")), position: Int32(try row.int("position")))
        )
    }
}

private struct RememberAnswers: Statement {
    static let sql = "SELECT octavo.remember_answers_v1($1, $2, $3)"
    var identities: [AnswerIdentity]
    var keys: [RequestKey]

    var parameters: [PostgresValue] {
        [
            .byteaArray(identities.map(\.bytes)), .int8Array(keys.map(\.batchID)), .int4Array(keys.map(\.position)),
        ]
    }

    static func decode(_ row: PostgresRow) {}
}

private struct ReuseAnswers: Statement {
    /// Copies take no time.
    static let sql = timing(
        "octavo.reuse_answers_v1($1, $2, $3, $4, $5, $6)",
        by: "(SELECT *, 0, 0 FROM unnest($3::bigint[], $4::integer[]))")
    var token: Int64
    var answers: [ReusedAnswer]
    var timeToLive: Duration

    var parameters: [PostgresValue] {
        [
            .int(token), .double(timeToLive.seconds),
            .int8Array(answers.map(\.key.batchID)), .int4Array(answers.map(\.key.position)),
            .int8Array(answers.map(\.source.batchID)), .int4Array(answers.map(\.source.position)),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> FinishOutcome {
        FinishOutcome(
            accepted: try row.int("accepted"), already: try row.int("already"), isFenced: try row.bool("is_fenced"))
    }
}

private struct ForgetAnswers: Statement {
    static let sql = "SELECT octavo.forget_answers_v1($1, $2)"
    var batch: Int64
    var limit: Int

    var parameters: [PostgresValue] { [.int(batch), .int32(Int32(clamping: limit))] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}
