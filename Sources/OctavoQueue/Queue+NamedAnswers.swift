import OctavoPostgres

/// A finished request as it is stored.
public struct StoredAnswer: Sendable, Hashable {
    /// The request's body.
    public var request: String
    /// The response's JSON.
    public var response: String
}

extension Queue {
    /// The answers of requests of a batch, by their names.
    ///
    /// - Parameter customIDs: the names, a window's at most.
    /// - Returns: an answer for each name, in their order; nil where the batch has no request of the name, or no answer yet.
    public func answers(batch: Int64, customIDs: [String]) async throws -> [StoredAnswer?] {
        let found = try await perform { session in
            try session.transaction { session in
                // Some names of many are looked for: to read the whole tables, as a planner might that has no statistics
                // yet, would take as long for every window.
                try session.execute(
                    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
                return try session.rows(FindAnswers(batch: batch, customIDs: customIDs))
            }
        }
        var answers: [StoredAnswer?] = Array(repeating: nil, count: customIDs.count)
        for (index, answer) in found { answers[index] = answer }
        return answers
    }
}

private struct FindAnswers: Statement {
    static let sql = """
        SELECT names.place, q.body, r.body
          FROM unnest($2::text[]) WITH ORDINALITY AS names (custom_id, place)
          JOIN octavo.requests q ON q.batch_id = $1 AND q.custom_id = names.custom_id
          JOIN octavo.results r ON r.batch_id = $1 AND r.position = q.position
        """
    var batch: Int64
    var customIDs: [String]

    var parameters: [PostgresValue] { [.int(batch), .textArray(customIDs)] }

    static func decode(_ row: PostgresRow) throws -> (index: Int, answer: StoredAnswer) {
        (
            try row.int(0) - 1,
            StoredAnswer(request: try row.string(1), response: try row.string(2))
        )
    }
}
