import OctavoBatching
import OctavoCore
import OctavoTestSupport
import Testing

@Suite struct BatchPlannerTests {
    @Test func `every plan keeps its promises`() {
        var generator = SeededGenerator.random()
        for _ in 0..<300 {
            let capacity = EngineCapacity(
                maximumBatch: Int.random(in: 1...40, using: &generator),
                maximumPositions: Int.random(in: 1...4000, using: &generator),
                blockLength: [1, 16, 32][Int.random(in: 0..<3, using: &generator)],
                contextLength: Int.random(in: 50...3000, using: &generator))
            let kinds = Int.random(in: 1...50, using: &generator)
            let requests = (0..<Int.random(in: 0...120, using: &generator)).map { id in
                request(
                    id, prompt: Int.random(in: 1...800, using: &generator),
                    maximumTokens: Int.random(in: 1...800, using: &generator),
                    token: TokenID.random(in: 0..<TokenID(kinds), using: &generator))
            }
            let plan = BatchPlanner(capacity: capacity).plan(requests)
            let message = "\(generator): \(capacity), \(requests.count) requests"

            let planned = plan.batches.joined() + plan.tooLong
            #expect(planned.map(\.id).sorted() == requests.map(\.id), "every request once, \(message)")
            #expect(plan.batches.allSatisfy { !$0.isEmpty }, "\(message)")
            for batch in plan.batches {
                #expect(batch.count <= capacity.maximumBatch, "\(message)")
                #expect(reservation(of: batch, capacity) <= capacity.maximumPositions, "\(message)")
            }
            for request in plan.tooLong { #expect(isTooLong(request, capacity), "\(message)") }
            for request in plan.batches.joined() { #expect(!isTooLong(request, capacity), "\(message)") }
            #expect(
                BatchPlanner(capacity: capacity).plan(requests.shuffled(using: &generator)) == plan, "\(message)")
        }
    }

    @Test func `a batch is closed only when the next request does not fit`() {
        let capacity = EngineCapacity(maximumBatch: 4, maximumPositions: 96, blockLength: 16, contextLength: 1000)
        let requests = [40, 40, 30, 16, 16, 1, 1].enumerated().map {
            request($0.offset, prompt: $0.element - 1, token: TokenID($0.offset))
        }
        // Reserved: 48, 48 | 32, 16, 16, 16 | 16, if nothing is shared.
        let plan = BatchPlanner(capacity: capacity).plan(requests)
        #expect(plan.batches.map { $0.map(\.id) } == [[0, 1], [2, 3, 4, 5], [6]])
    }

    @Test func `a request that fits neither context nor cache is set aside`() {
        let capacity = EngineCapacity(maximumBatch: 4, maximumPositions: 64, blockLength: 16, contextLength: 60)
        let requests = [60, 61, 65, 10].enumerated().map { request($0.offset, prompt: $0.element - 1) }
        let plan = BatchPlanner(capacity: capacity).plan(requests)
        #expect(plan.tooLong.map(\.id) == [2, 1])
        #expect(plan.batches.map { $0.map(\.id) } == [[0], [3]])
    }

    @Test func `equal lengths keep the order of their ids`() {
        let capacity = EngineCapacity(maximumBatch: 3, maximumPositions: 1000, blockLength: 1, contextLength: 100)
        let plan = BatchPlanner(capacity: capacity).plan((0..<7).reversed().map { request($0, prompt: 5) })
        #expect(plan.batches.map { $0.map(\.id) } == [[0, 1, 2], [3, 4, 5], [6]])
    }

    @Test func `prompts that share nothing come longest first`() {
        let capacity = EngineCapacity(maximumBatch: 3, maximumPositions: 10_000, blockLength: 16, contextLength: 5000)
        var generator = SeededGenerator.random()
        let requests = (0..<100).map { id in
            request(id, prompt: Int.random(in: 1...800, using: &generator), token: TokenID(id))
        }
        let lengths = BatchPlanner(capacity: capacity).plan(requests).batches.joined().map(\.maximumLength)
        #expect(lengths == lengths.sorted(by: >), "\(generator)")
    }

    @Test func `prompts that begin alike stay together, where the longest of them would be`() {
        let capacity = EngineCapacity(maximumBatch: 9, maximumPositions: 10_000, blockLength: 16, contextLength: 5000)
        let lengths: [(length: Int, token: TokenID)] = [(20, 1), (300, 2), (200, 3), (400, 1), (250, 4), (30, 3)]
        let requests = lengths.enumerated().map {
            request($0.offset, prompt: $0.element.length, token: $0.element.token)
        }
        let plan = BatchPlanner(capacity: capacity).plan(requests)
        #expect(plan.batches.map { $0.map(\.id) } == [[3, 0, 1, 4, 2, 5]])
    }

    @Test func `what prompts share is reserved once`() {
        let capacity = EngineCapacity(maximumBatch: 9, maximumPositions: 160, blockLength: 16, contextLength: 1000)
        // 7 blocks, of which all but the last token's are shared: 112 positions, then 16 for each further one.
        let alike = (0..<5).map { request($0, prompt: 100, maximumTokens: 12) }
        #expect(BatchPlanner(capacity: capacity).plan(alike).batches.map(\.count) == [4, 1])
        let different = (0..<5).map { request($0, prompt: 100, maximumTokens: 12, token: TokenID($0)) }
        #expect(BatchPlanner(capacity: capacity).plan(different).batches.map(\.count) == [1, 1, 1, 1, 1])
    }

    private func request(
        _ id: Int, prompt: Int, maximumTokens: Int = 1, token: TokenID = 1
    ) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.maxTokens = maximumTokens
        return GenerationRequest(id: id, promptTokens: Array(repeating: token, count: prompt), sampling: sampling)
    }

    private func isTooLong(_ request: GenerationRequest, _ capacity: EngineCapacity) -> Bool {
        request.maximumLength > capacity.contextLength
            || reservation(of: [request], capacity) > capacity.maximumPositions
    }

    /// Whole blocks of every request, those of equal beginnings once.
    private func reservation(of batch: [GenerationRequest], _ capacity: EngineCapacity) -> Int {
        var shared: Set<[TokenID]> = []
        return batch.reduce(0) { sum, request in
            var blocks = Int((Double(request.maximumLength) / Double(capacity.blockLength)).rounded(.up))
            for count in 0..<(request.promptTokens.count - 1) / capacity.blockLength
            where !shared.insert(Array(request.promptTokens.prefix((count + 1) * capacity.blockLength))).inserted {
                blocks -= 1
            }
            return sum + blocks * capacity.blockLength
        }
    }
}
