import OctavoPostgres
import OctavoQueue
import Testing

@Suite struct LoadTests {
    @Test func `a key makes one batch, and submitting it again attaches`() async throws {
        try await QueueFixture.withQueue { fixture in
            let batch = QueueFixture.newBatch("a", model: "llama")
            let first = try await fixture.queue.attach(batch)
            #expect(first.isNew && first.state == .loading && first.loadedRows == 0)
            try await fixture.queue.load(
                [QueueFixture.row(1, promptTokens: 5)], into: first.id, expectedRows: 0, loadedBytes: 120)
            let second = try await fixture.queue.attach(batch)
            #expect(
                second == BatchLoad(id: first.id, state: .loading, loadedRows: 1, loadedBytes: 120, isNew: false))
            let settings = try await fixture.queue.batchSettings([first.id, 99])
            #expect(settings.map(\.model) == ["llama"] && settings.map(\.seed) == [7])
        }
    }

    @Test func `a key with other contents is refused`() async throws {
        try await QueueFixture.withQueue { fixture in
            var batch = QueueFixture.newBatch("a")
            let id = try await fixture.queue.attach(batch).id
            batch.fileIdentity = "another"
            await #expect(throws: QueueError.idempotencyKeyReused(key: "a", batch: id)) {
                try await fixture.queue.attach(batch)
            }
        }
    }

    @Test func `two loaders cannot store the same window, and one row is stored once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.queue.attach(QueueFixture.newBatch("a")).id
            let rows = (1...3000).map { QueueFixture.row($0, promptTokens: $0 % 50) }
            let outcomes = await withTaskGroup(of: Result<Void, any Error>.self) { group in
                for queue in [fixture.anotherQueue(), fixture.anotherQueue(), fixture.anotherQueue()] {
                    group.addTask {
                        do {
                            return .success(try await queue.load(rows, into: id, expectedRows: 0, loadedBytes: 9))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            var refusals: [QueueError?] = []
            for case .failure(let error) in outcomes { refusals.append(error as? QueueError) }
            #expect(refusals == [.loadedElsewhere(batch: id), .loadedElsewhere(batch: id)])
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.requests") == [3000])
        }
    }

    @Test func `a window that fails leaves nothing behind`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.queue.attach(QueueFixture.newBatch("a")).id
            let first = QueueFixture.row(1, promptTokens: 5)
            try await fixture.queue.load([first], into: id, expectedRows: 0, loadedBytes: 10)
            var again = QueueFixture.row(2, promptTokens: 5)
            again.customID = "row-1"
            await #expect(throws: QueueError.duplicateCustomID(batch: id, customID: "row-1")) {
                try await fixture.queue.load(
                    [QueueFixture.row(3, promptTokens: 1), again], into: id, expectedRows: 1, loadedBytes: 30)
            }
            var zero = QueueFixture.row(2, promptTokens: 5)
            zero.body = [0x22, 0x00, 0x22]
            await #expect(throws: PostgresError.self) {
                try await fixture.queue.load([zero], into: id, expectedRows: 1, loadedBytes: 30)
            }
            #expect(try await fixture.queue.attach(QueueFixture.newBatch("a")).loadedBytes == 10)
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.requests") == [1])
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.windows") == [1])
        }
    }

    @Test func `nothing can be claimed before activation, and activation asks for every row`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.queue.attach(QueueFixture.newBatch("a")).id
            try await fixture.queue.load(
                [QueueFixture.row(1, promptTokens: 5)], into: id, expectedRows: 0, loadedBytes: 10)
            #expect(try await fixture.queue.claim(1) == nil)
            await #expect(throws: QueueError.incompleteLoad(batch: id, loaded: 1, expected: 2)) {
                try await fixture.queue.activate(id, total: 2)
            }
            try await fixture.queue.activate(id, total: 1)
            try await fixture.queue.activate(id, total: 1)
            #expect(try await fixture.queue.claim(1)?.requests.count == 1)
            await #expect(throws: QueueError.notLoading(batch: id, state: .active)) {
                try await fixture.queue.load(
                    [QueueFixture.row(2, promptTokens: 5)], into: id, expectedRows: 1, loadedBytes: 20)
            }
        }
    }

    @Test func `activation notifies listeners once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let listener = try PostgresSession(PostgresConfiguration(connectionString: fixture.url))
            try listener.execute("LISTEN octavo")
            let id = try await fixture.addBatch(count: 500)
            let heard = try listener.notifications(waitingUpTo: .seconds(10))
            #expect(heard.map(\.payload) == ["\(id)"])
        }
    }

    @Test func `an empty batch is complete at once`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 0)
            let summary = try await fixture.queue.batchSummary(id)
            #expect(summary.state == .completed && summary.total == 0 && summary.completedAt != nil)
            #expect(try await fixture.queue.export(batch: id, window: 0)?.count == nil)
        }
    }

    @Test func `a load that was given up can be discarded, a batch at work cannot`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.queue.attach(QueueFixture.newBatch("a")).id
            try await fixture.queue.load(
                [QueueFixture.row(1, promptTokens: 5)], into: id, expectedRows: 0, loadedBytes: 10)
            try await fixture.queue.discard(id)
            #expect(try await fixture.integers("SELECT count(*) FROM octavo.requests") == [0])
            #expect(try await fixture.queue.attach(QueueFixture.newBatch("a")).isNew)

            let active = try await fixture.addBatch("b", count: 3)
            try await fixture.queue.discard(active)
            #expect(try await fixture.queue.batchSummary(active).state == .active)
        }
    }
}
