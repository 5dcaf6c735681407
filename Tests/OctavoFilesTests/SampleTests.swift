import Foundation
import OctavoCore
import OctavoFiles
import OctavoTestSupport
import Testing

@Suite struct SampleTests {
    @Test(arguments: [("prompts.jsonl", 40), ("openai-batch.jsonl", 8)])
    func `every sample line is valid`(name: String, atLeast: Int) async throws {
        var options = EnqueueOptions(files: [TestPaths.packageRoot.appending(path: "jobs/samples/\(name)").path])
        options.isDryRun = true
        let result = try await Enqueuer(options, queue: nil, encoder: ByteEncoder(contextLength: 2048)).run()
        #expect(result.rows >= atLeast)
        #expect(result.blankLines == 0)
    }
}
