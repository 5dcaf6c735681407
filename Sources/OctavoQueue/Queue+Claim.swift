import OctavoCore
import OctavoPostgres

extension Queue {
    /// Leases the requests that are next, longest first; nil when there is nothing to do.
    ///
    /// - Complexity: a fixed number of rows written, and the leased requests read, whatever the backlog.
    public func claim(_ request: ClaimRequest) async throws -> Lease? {
        precondition(request.maximumRequests > 0, "a claim asks for at least one request")
        let claimed = try await perform { session -> (rows: [ClaimedRow], progress: ProgressCollector) in
            let rows = try session.rows(ClaimRequests(request: request))
            var progress = ProgressCollector()
            let previous = Set(rows.flatMap(\.previous))
            if !previous.isEmpty {
                let load = LoadCheckpoints(tokens: previous.sorted(), fingerprint: request.fingerprint)
                for blob in try session.rows(load) { progress.add(blob) }
            }
            return (rows, progress)
        }
        guard let first = claimed.rows.first else { return nil }
        let requests = claimed.rows.map { row in
            var request = row.request
            request.progress = claimed.progress.progress(of: request.key)
            return request
        }
        return Lease(
            token: first.token, requests: requests.sorted { $0.key < $1.key }, timeToLive: request.timeToLive,
            losses: first.losses)
    }

    /// The settings of batches; those that were deleted are missing.
    public func batchSettings(_ ids: [Int64]) async throws -> [BatchSettings] {
        try await rows(FindBatchSettings(ids: ids))
    }
}

/// A leased request, with the tokens of the leases before this one that left checkpoints of it.
private struct ClaimedRow: Sendable {
    var token: Int64
    var losses: Int
    var request: LeasedRequest
    var previous: [Int64]
}

private struct ClaimRequests: Statement {
    static let sql = """
        SELECT token, losses, batch_id, "position", line, prompt_tokens, attempts, custom_id, body, previous
          FROM octavo.claim_v2($1, $2, $3, $4, $5, $6, $7)
        """
    var request: ClaimRequest

    var parameters: [PostgresValue] {
        [
            .text(request.worker), .text(request.fingerprint), .textArray(request.models),
            .int32(Int32(clamping: request.maximumRequests)), .int(request.tokenBudget),
            .double(request.timeToLive.seconds), .optional(request.onlyBatch) { .int($0) },
        ]
    }

    /// By place, since to look for names takes longer than to read the values.
    static func decode(_ row: PostgresRow) throws -> ClaimedRow {
        let request = LeasedRequest(
            key: RequestKey(batchID: Int64(try row.int(2)), position: Int32(try row.int(3))), line: try row.int(4),
            promptTokens: try row.int(5), customID: try row.string(7), body: try row.string(8),
            attempts: try row.int(6), progress: [])
        let previous = try row.optionalIntArray(9) ?? []
        return ClaimedRow(
            token: Int64(try row.int(0)), losses: try row.int(1), request: request, previous: previous.map(Int64.init))
    }
}

/// In the order in which they were written: tokens rise with time.
private struct LoadCheckpoints: Statement {
    static let sql = """
        SELECT progress FROM octavo.checkpoints
         WHERE token = ANY ($1) AND fingerprint = $2 ORDER BY token, sequence
        """
    var tokens: [Int64]
    var fingerprint: String

    var parameters: [PostgresValue] { [.int8Array(tokens), .text(fingerprint)] }

    static func decode(_ row: PostgresRow) throws -> [UInt8] { try row.bytes("progress") }
}

private struct FindBatchSettings: Statement {
    static let sql =
        "SELECT id, name, model, settings, seed, job, reuses FROM octavo.batches WHERE id = ANY ($1) ORDER BY id"
    var ids: [Int64]

    var parameters: [PostgresValue] { [.int8Array(ids)] }

    static func decode(_ row: PostgresRow) throws -> BatchSettings {
        BatchSettings(
            id: Int64(try row.int("id")), name: try row.string("name"), model: try row.optionalString("model"),
            settings: try row.string("settings"), seed: Int64(try row.int("seed")),
            job: try row.optionalString("job"), reusesAnswers: try row.bool("reuses"))
    }
}
