import OctavoPostgres

/// The calls as Octavo makes them (`Sources/OctavoQueue/Queue+*.swift`), and time that passes.
extension ModelDatabase {
    /// Makes a call in a world.
    func perform(_ call: Call, in world: World, _ scope: Scope) throws -> Reply {
        switch call {
        case .claim: return try claim(scope.leaseSize)
        case .heartbeat(let writer): return try heartbeat(world.token(writer), by: "writer \(writer)")
        case .checkpoint(let writer):
            return try checkpoint(world.token(writer), sequence: world.writers[writer].checkpoints + 1)
        case .finish(let writer, let requests): return try finish(world.token(writer), requests)
        case .fail(let writer, let request, let isPermanent):
            return try fail(world.token(writer), request, isPermanent: isPermanent)
        case .release(let writer): return try count("SELECT octavo.release_v1($1)", [.int(world.token(writer))])
        case .die: return .nothing
        case .expire(let token):
            return try rows("UPDATE octavo.leases SET expires_at = '-infinity' WHERE token = $1", [.int(token)])
        case .wait:
            return try rows("UPDATE octavo.segments SET available_at = '-infinity' WHERE available_at IS NOT NULL", [])
        case .reap: return try count("SELECT octavo.reap_v2(100)", [])
        case .pause(let batch):
            return try rows("UPDATE octavo.batches SET state = 2 WHERE id = $1 AND state = 1", [.int(batch)])
        case .resume(let batch):
            return try rows(
                """
                UPDATE octavo.batches SET state = 1, vtime = octavo.joining_vtime_v2(id)
                 WHERE id = $1 AND state = 2
                """, [.int(batch)])
        case .cancel(let batch):
            return try rows(
                """
                UPDATE octavo.batches SET state = 3, completed_at = clock_timestamp()
                 WHERE id = $1 AND state IN (0, 1, 2)
                """, [.int(batch)])
        case .clear(let batch):
            return try rows(
                """
                DELETE FROM octavo.segments WHERE id = ANY (ARRAY (
                    SELECT id FROM octavo.segments WHERE batch_id = $1 FOR UPDATE SKIP LOCKED))
                """, [.int(batch)])
        case .retry(let batch): return try count("SELECT octavo.retry_failed_v1($1, NULL)", [.int(batch)])
        }
    }

    private func claim(_ count: Int) throws -> Reply {
        let rows = try session.query(
            "SELECT token, batch_id, position FROM octavo.claim_v2('w', 'f', '{}', $1, 1000000000, 3600)",
            [.int32(Int32(count))], name: "claim")
        guard let token = try rows.first?.int(0) else { return .nothing }
        let requests = try rows.map { Request(batch: try $0.int(1), position: try $0.int(2)) }
        return .claimed(token: token, requests.sorted())
    }

    private func heartbeat(_ token: Int, by worker: String) throws -> Reply {
        let rows = try session.query(
            "SELECT token FROM octavo.heartbeat_v2($1, 'h', 1, '{}', 'f', '', 0, 0, $2, 3600)",
            [.text(worker), .int8Array([Int64(token)])], name: "heartbeat")
        return .stands(!rows.isEmpty)
    }

    private func checkpoint(_ token: Int, sequence: Int) throws -> Reply {
        let row = try session.query(
            "SELECT octavo.checkpoint_v1($1, 3600, $2, '')", [.int(token), .int32(Int32(sequence))],
            name: "checkpoint"
        ).only()
        return .stands(try row.bool(0))
    }

    private func finish(_ token: Int, _ requests: [Request]) throws -> Reply {
        let ones = requests.map { _ in 1 }
        let row = try session.query(
            "SELECT * FROM octavo.finish_v2($1, 3600, $2, $3, $4, $5, $6, $7, NULL, NULL)",
            [
                .int(token), .int8Array(requests.map { Int64($0.batch) }),
                .int4Array(requests.map { Int32($0.position) }), .int2Array(ones.map { Int16($0 - 1) }),
                .int4Array(ones.map { Int32($0 * 100) }), .int4Array(ones.map { Int32($0 * 7) }),
                .utf8Array(requests.map { _ in Array("{}".utf8) }),
            ], name: "finish"
        ).only()
        return .finished(accepted: try row.int(0), already: try row.int(1), isFenced: try row.bool(2))
    }

    private func fail(_ token: Int, _ request: Request, isPermanent: Bool) throws -> Reply {
        let row = try session.query(
            "SELECT * FROM octavo.fail_v1($1, $2, $3, '{nan}', $4, '{500}', '{no}')",
            [
                .int(token), .int8Array([Int64(request.batch)]), .int4Array([Int32(request.position)]),
                .int2Array([isPermanent ? 1 : 0]),
            ], name: "fail"
        ).only()
        return .failed(retried: try row.int(0), failed: try row.int(1), isFenced: try row.bool(2))
    }

    private func count(_ sql: String, _ parameters: [PostgresValue]) throws -> Reply {
        .count(try session.query(sql, parameters).only().int(0))
    }

    private func rows(_ sql: String, _ parameters: [PostgresValue]) throws -> Reply {
        .rows(try session.query(sql, parameters).affectedRows)
    }
}

extension World {
    /// The token of a writer who has one.
    func token(_ writer: Int) -> Int {
        guard let token = writers[writer].token else { preconditionFailure("writer \(writer) has no lease") }
        return token
    }
}
