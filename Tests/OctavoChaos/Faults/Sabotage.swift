extension Fault {
    /// What Octavo cannot survive: the results are doctored after the work. They are run by name only, to see that the
    /// oracle notices.
    static let sabotages = [
        sabotage("sabotage-loss", "a result is removed", "DELETE FROM octavo.results WHERE position = 7"),
        sabotage(
            "sabotage-answer", "a request gets the answer of another",
            """
            UPDATE octavo.results r SET body = o.body, completion_tokens = o.completion_tokens
              FROM octavo.results o
             WHERE o.batch_id = r.batch_id AND r.position IN (7, 8) AND o.position = 15 - r.position
            """),
        sabotage(
            "sabotage-double", "a request has a result and a failure",
            """
            INSERT INTO octavo.failures (batch_id, token, position, attempts, status_code, is_final, kind, error)
            SELECT batch_id, token, position, 1, 500, true, 'sabotage', '{}' FROM octavo.results WHERE position = 7
            """),
    ]

    private static func sabotage(_ name: String, _ summary: String, _ sql: String) -> Fault {
        Fault(name, summary) { fault in
            fault.burnedAttempts = 1
        } strike: { trial in
            try await trial.drain(patience: .seconds(300))
            try await trial.execute(sql)
        }
    }
}
