import OctavoCore
import OctavoQueue
import Testing

@Suite struct CheckpointBlobTests {
    static let entries = [
        CheckpointEntry(
            key: RequestKey(batchID: .max, position: .max), choice: 3, firstToken: 4096,
            tokens: [0, 127, 128, 128_255, .max]),
        CheckpointEntry(key: RequestKey(batchID: 1, position: 0), choice: 0, firstToken: 0, tokens: []),
    ]

    @Test func `what is packed is unpacked`() {
        #expect(CheckpointBlob.decode(CheckpointBlob.encode(Self.entries)) == Self.entries)
        #expect(CheckpointBlob.decode(CheckpointBlob.encode([])) == [])
    }

    @Test func `a blob cut short anywhere inside an entry is refused`() {
        let blob = CheckpointBlob.encode(Self.entries)
        let whole = CheckpointBlob.encode([Self.entries[0]]).count
        for count in 0..<blob.count where count != whole && count != 1 {
            #expect(CheckpointBlob.decode(Array(blob[..<count])) == nil, "\(count)")
        }
    }

    @Test(arguments: [
        [2, 1, 0, 0, 0, 0],  // a later version
        [1, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x07],  // more tokens than bytes
        [1, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0],  // a position beyond 32 bits
        [1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0, 0, 0, 0],  // a number beyond 64 bits
    ])
    func `a blob that makes no sense is refused`(blob: [UInt8]) {
        #expect(CheckpointBlob.decode(blob) == nil)
    }

    @Test func `deltas are joined, overlaps replaced, and gaps passed over`() {
        let key = RequestKey(batchID: 1, position: 2)
        func blob(_ firstToken: Int, _ tokens: [TokenID], choice: Int = 0) -> [UInt8] {
            CheckpointBlob.encode([CheckpointEntry(key: key, choice: choice, firstToken: firstToken, tokens: tokens)])
        }
        var progress = ProgressCollector()
        for blob in [
            blob(0, [1, 2]), blob(2, [3]), blob(9, [8]), blob(1, [2, 3, 4]), [9, 9], blob(0, [7], choice: 1),
        ] {
            progress.add(blob)
        }
        #expect(
            progress.progress(of: key)
                == [SampleProgress(choice: 0, tokens: [1, 2, 3, 4]), SampleProgress(choice: 1, tokens: [7])])
        #expect(progress.progress(of: RequestKey(batchID: 1, position: 3)) == [])
    }
}

@Suite struct CheckpointTests {
    /// Saves `tokens` of the first request of a lease.
    private func save(
        _ queue: Queue, _ lease: Lease, request: Int = 0, sequence: Int, firstToken: Int, tokens: [TokenID]
    ) async throws {
        let entry = CheckpointEntry(
            key: lease.requests[request].key, choice: 0, firstToken: firstToken, tokens: tokens)
        #expect(
            try await queue.checkpoint(
                token: lease.token, sequence: sequence, entries: [entry], timeToLive: .seconds(60)))
    }

    @Test func `progress survives several losses and releases, and goes with the answer`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 1)
            var lease = try await fixture.queue.mustClaim(1)
            try await save(fixture.queue, lease, sequence: 0, firstToken: 0, tokens: [1, 2])
            try await save(fixture.queue, lease, sequence: 1, firstToken: 2, tokens: [3])
            try await save(fixture.queue, lease, sequence: 1, firstToken: 2, tokens: [99])  // repeated: ignored
            try await fixture.expireLeases()
            #expect(try await fixture.queue.reap(limit: 1) == 1)

            lease = try await fixture.queue.mustClaim(1)
            #expect(lease.requests[0].progress == [SampleProgress(choice: 0, tokens: [1, 2, 3])])
            try await save(fixture.queue, lease, sequence: 0, firstToken: 3, tokens: [4])
            try await fixture.queue.release(token: lease.token)

            lease = try await fixture.queue.mustClaim(1)  // ends without a checkpoint of its own
            try await fixture.queue.release(token: lease.token)

            lease = try await fixture.queue.mustClaim(1)
            #expect(lease.requests[0].progress == [SampleProgress(choice: 0, tokens: [1, 2, 3, 4])])
            try await fixture.queue.fail(lease, lease.requests)
            try await fixture.passPauses()

            lease = try await fixture.queue.mustClaim(1)
            #expect(lease.requests[0].progress == [SampleProgress(choice: 0, tokens: [1, 2, 3, 4])])
            try await fixture.queue.finish(lease)
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `progress of finished neighbors is kept while one request still needs it`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 3)
            let lost = try await fixture.queue.mustClaim(3)
            try await save(fixture.queue, lost, request: 0, sequence: 0, firstToken: 0, tokens: [1])
            try await save(fixture.queue, lost, request: 2, sequence: 1, firstToken: 0, tokens: [3])
            try await fixture.queue.finish(lost, [lost.requests[1]])
            try await fixture.queue.release(token: lost.token)

            let first = try await fixture.queue.mustClaim(1)
            #expect(first.requests[0].progress == [SampleProgress(choice: 0, tokens: [1])])
            try await fixture.queue.finish(first)
            #expect(try await fixture.queue.reap(limit: 1) == 0)
            let second = try await fixture.queue.mustClaim(1)
            #expect(second.requests[0].progress == [SampleProgress(choice: 0, tokens: [3])])
            try await fixture.queue.finish(second)
            try await fixture.expectNothingLeftOver()
        }
    }

    @Test func `results and a checkpoint of the rest are stored together`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 2)
            let lease = try await fixture.queue.mustClaim(2)
            let entry = CheckpointEntry(key: lease.requests[1].key, choice: 0, firstToken: 0, tokens: [6])
            let outcome = try await fixture.queue.finish(
                token: lease.token, [FinishedRequest(lease.requests[0].key)],
                checkpoint: Checkpoint(sequence: 0, entries: [entry]), timeToLive: .seconds(60))
            #expect(outcome.accepted == 1)
            try await fixture.queue.release(token: lease.token)
            let next = try await fixture.queue.mustClaim(2)
            #expect(next.requests.map(\.progress) == [[SampleProgress(choice: 0, tokens: [6])]])
        }
    }

    @Test func `progress of another fingerprint is of no use, and stays for its own`() async throws {
        try await QueueFixture.withQueue { fixture in
            try await fixture.addBatch(count: 1)
            var lease = try await fixture.queue.mustClaim(1, fingerprint: "a")
            try await save(fixture.queue, lease, sequence: 0, firstToken: 0, tokens: [1, 2])
            try await fixture.queue.release(token: lease.token)
            lease = try await fixture.queue.mustClaim(1, fingerprint: "b")
            #expect(lease.requests[0].progress == [])
            try await fixture.queue.release(token: lease.token)
            lease = try await fixture.queue.mustClaim(1, fingerprint: "a")
            #expect(lease.requests[0].progress == [SampleProgress(choice: 0, tokens: [1, 2])])
        }
    }

    @Test func `progress of a cancelled batch is swept`() async throws {
        try await QueueFixture.withQueue { fixture in
            let id = try await fixture.addBatch(count: 1)
            let lease = try await fixture.queue.mustClaim(1)
            try await save(fixture.queue, lease, sequence: 0, firstToken: 0, tokens: [1])
            try await fixture.queue.cancel(id)
            try await fixture.queue.release(token: lease.token)
            try await fixture.expectNothingLeftOver()
        }
    }
}
