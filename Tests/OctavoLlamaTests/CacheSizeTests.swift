import Foundation
import OctavoLlama
import OctavoTestSupport
import OctavoWeights
import Testing

/// How large a cache is made.
@Suite struct CacheSizeTests {
    private func positions(_ edit: (inout LlamaRunner.Configuration) -> Void) throws -> Int {
        let path = TinyModel(name: TinyModel.names[0]).folder.appending(path: "hf").path()
        return try TinyModel.runner(path, edit).maximumPositions
    }

    @Test func `a cache has room for every row's whole context, and no more, where it is limited to that`() throws {
        let context = try TinyModel.runner(
            TinyModel(name: TinyModel.names[0]).folder.appending(path: "hf").path()
        ).model.configuration.contextLength
        let blocks = (context + 63) / 64
        #expect(
            try positions {
                $0.maximumStepLogits = 2
                $0.limitsCacheToRows = true
            } == 2 * blocks * 64)
    }

    @Test func `memory limits a cache that may not be as large as its rows`() throws {
        let all = try positions { $0.kvCacheBytes = 1 << 20 }
        let limited = try positions {
            $0.kvCacheBytes = 1 << 20
            $0.maximumStepLogits = 4096
            $0.limitsCacheToRows = true
        }
        #expect(limited == all)
    }
}
