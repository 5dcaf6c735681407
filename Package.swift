// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: the stricter half of what later language modes will require.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// The targets stand in the order in which a request flows through them.
let package = Package(
    name: "octavo",
    products: [.executable(name: "octavo", targets: ["octavo"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The shared words: requests, sampling parameters, completions, JSON. Imports nothing of ours.
        .target(name: "OctavoCore", swiftSettings: strict),

        // Text ↔ token ids, messages → prompt text.
        .target(name: "OctavoTokenizer", dependencies: ["OctavoCore"], swiftSettings: strict),

        // libpq, as Swift; and a private PostgreSQL cluster.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "OctavoPostgres",
            dependencies: ["CLibPQ", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),

        // The job table: load, claim, heartbeat, checkpoint, finish, fail, release, reap, export, status.
        .target(
            name: "OctavoQueue",
            dependencies: ["OctavoPostgres", "OctavoCore", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),

        // Job recipes: rows of any columns → requests, answers → rows. Pure functions.
        .target(
            name: "OctavoJobs",
            dependencies: [
                "OctavoCore", .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),

        // JSONL and CSV in (read, validate, enqueue) and out (export), compressed if its name says so.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(
            name: "OctavoFiles",
            dependencies: [
                "OctavoJobs", "OctavoQueue", "OctavoTokenizer", "OctavoGrammar", "OctavoCore", "CZlib", "CZstd",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),

        // Leased requests → static batches of like length. Pure functions.
        .target(name: "OctavoBatching", dependencies: ["OctavoCore"], swiftSettings: strict),

        // JSON schemas, regular expressions, choices → which tokens may come next.
        .target(name: "OctavoGrammar", dependencies: ["OctavoCore"], swiftSettings: strict),

        // A static batch in, completions out: the step loop, sampling, stop conditions.
        .target(name: "OctavoEngine", dependencies: ["OctavoGrammar", "OctavoCore"], swiftSettings: strict),

        // Model files → named tensors → INT8.
        .target(
            name: "OctavoWeights",
            dependencies: ["OctavoCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),

        // Model names → the files of the Hugging Face cache; downloads into that cache.
        .target(
            name: "OctavoHub",
            dependencies: [
                "OctavoCore", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // Llama in INT8 on the CPU.
        .target(name: "COctavoKernels"),
        .target(
            name: "OctavoLlama",
            dependencies: ["OctavoEngine", "OctavoWeights", "OctavoCore", "COctavoKernels"],
            swiftSettings: strict),

        // The daemon: claims, generates, checkpoints, writes back.
        .target(
            name: "OctavoWorker",
            dependencies: [
                "OctavoQueue", "OctavoBatching", "OctavoEngine", "OctavoGrammar", "OctavoTokenizer", "OctavoCore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // The command line: the only place that reads flags and environment and names a concrete engine.
        .executableTarget(
            name: "octavo",
            dependencies: [
                "OctavoCore", "OctavoTokenizer", "OctavoPostgres", "OctavoQueue", "OctavoJobs", "OctavoFiles",
                "OctavoBatching", "OctavoEngine", "OctavoGrammar", "OctavoWeights", "OctavoHub", "OctavoLlama",
                "OctavoWorker",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        // Tests, in the same order.
        .target(
            name: "OctavoTestSupport",
            dependencies: ["OctavoCore", "OctavoEngine", "OctavoPostgres", "OctavoQueue"],
            path: "Tests/OctavoTestSupport",
            exclude: ["Fixtures"],
            swiftSettings: strict),

        // The program behind scripts/chaos: faults, and what must hold after them.
        .executableTarget(
            name: "OctavoChaos",
            dependencies: [
                "OctavoWorker", "OctavoFiles", "OctavoQueue", "OctavoPostgres", "OctavoEngine", "OctavoCore",
                "OctavoTestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Tests/OctavoChaos",
            swiftSettings: strict),

        // The program behind scripts/model-check: every order of what may happen to the queue.
        .executableTarget(
            name: "OctavoModelCheck",
            dependencies: [
                "OctavoQueue", "OctavoPostgres", "OctavoTestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/OctavoModelCheck",
            swiftSettings: strict),
        .testTarget(name: "OctavoCoreTests", dependencies: ["OctavoCore", "OctavoTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "OctavoTokenizerTests", dependencies: ["OctavoTokenizer", "OctavoCore", "OctavoTestSupport"],
            exclude: ["Fixtures", "Chat/Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "OctavoPostgresTests", dependencies: ["OctavoPostgres", "OctavoTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "OctavoQueueTests", dependencies: ["OctavoQueue", "OctavoTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "OctavoJobsTests", dependencies: ["OctavoJobs", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoFilesTests", dependencies: ["OctavoFiles", "OctavoJobs", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoBatchingTests",
            dependencies: ["OctavoBatching", "OctavoQueue", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoGrammarTests",
            dependencies: ["OctavoGrammar", "OctavoEngine", "OctavoTokenizer", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoEngineTests", dependencies: ["OctavoEngine", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoWeightsTests", dependencies: ["OctavoWeights", "OctavoCore", "OctavoTestSupport"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "OctavoHubTests",
            dependencies: [
                "OctavoHub", "octavo", "OctavoCore", "OctavoTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        // Every instruction set's kernels beside the scalar ones, in C.
        .executableTarget(
            name: "KernelComparison", dependencies: ["COctavoKernels"], path: "Tests/KernelComparison",
            linkerSettings: [.linkedLibrary("m")]),

        // How often a generation asks for memory in a step.
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .executableTarget(
            name: "OctavoAllocations",
            dependencies: ["CAllocationCounter", "OctavoLlama", "OctavoEngine", "OctavoWeights", "OctavoCore"],
            path: "Tests/OctavoAllocations",
            swiftSettings: strict),
        .testTarget(
            name: "OctavoLlamaTests",
            dependencies: ["OctavoLlama", "OctavoEngine", "OctavoWeights", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoWorkerTests",
            dependencies: [
                "OctavoWorker", "OctavoQueue", "OctavoPostgres", "OctavoEngine", "OctavoCore", "OctavoTestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoChaosTests", dependencies: ["OctavoChaos", "OctavoCore", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoModelCheckTests", dependencies: ["OctavoModelCheck", "OctavoTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "OctavoCommandLineTests",
            dependencies: [
                "octavo", "OctavoWeights", "OctavoQueue", "OctavoPostgres", "OctavoCore", "OctavoTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
