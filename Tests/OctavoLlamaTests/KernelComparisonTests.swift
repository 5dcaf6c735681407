import OctavoLlama
import OctavoTestSupport
import Testing

@Suite struct KernelComparisonTests {
    @Test func `kernels have the specification's bits, those of AVX-VNNI even on a CPU that lacks it`() async throws {
        let outcome = try await runProcess(TestPaths.executable("KernelComparison"), [])
        #expect(outcome.status == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        for kernels in Kernels.others {
            #expect(outcome.standardOutput.contains("\(kernels.name) compared with scalar"))
        }
        if Kernels.named("avx2") != nil { #expect(outcome.standardOutput.contains("avxvnni compared with scalar")) }
    }
}
