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
            let requests = (0..<Int.random(in: 0...120, using: &generator)).map { id in
                request(
                    id, prompt: Int.random(in: 1...800, using: &generator),
                    maximumTokens: Int.random(in: 1...800, using: &generator))
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
            let lengths = plan.batches.joined().map(\.maximumLength)
            #expect(lengths == lengths.sorted(by: >), "longest first, \(message)")
            #expect(
                BatchPlanner(capacity: capacity).plan(requests.shuffled(using: &generator)) == plan, "\(message)")
        }
    }

    @Test func `a batch is closed only when the next request does not fit`() {
        let capacity = EngineCapacity(maximumBatch: 4, maximumPositions: 96, blockLength: 16, contextLength: 1000)
        let requests = [40, 40, 30, 16, 16, 1, 1].enumerated().map { request($0.offset, prompt: $0.element - 1) }
        // Reserved: 48, 48 | 32, 16, 16, 16 | 16
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

    private func request(_ id: Int, prompt: Int, maximumTokens: Int = 1) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.maxTokens = maximumTokens
        return GenerationRequest(id: id, promptTokens: Array(repeating: 1, count: prompt), sampling: sampling)
    }

    private func isTooLong(_ request: GenerationRequest, _ capacity: EngineCapacity) -> Bool {
        request.maximumLength > capacity.contextLength
            || reservation(of: [request], capacity) > capacity.maximumPositions
    }

    /// Whole blocks of every request.
    private func reservation(of batch: [GenerationRequest], _ capacity: EngineCapacity) -> Int {
        batch.reduce(0) { sum, request in
            let blocks = (Double(request.maximumLength) / Double(capacity.blockLength)).rounded(.up)
            return sum + Int(blocks) * capacity.blockLength
        }
    }
}
