/// Downloads a model from the hub into the cache that Hugging Face's tools share.
public struct ModelPull: Sendable {
    private let name: HubName
    private let selection: FileSelection
    private let configuration: HubConfiguration
    private let cache: HubCache

    /// What is in the cache afterwards.
    public struct Outcome: Sendable, Hashable {
        /// The commit's full hash.
        public var commit: String
        /// The folder of the snapshot.
        public var path: String
        /// The files that were wanted, by their paths in the repository, and their sizes in bytes.
        public var files: [File]
        /// Bytes that were fetched; the rest was there.
        public var fetchedBytes: Int

        /// A file of the snapshot.
        public struct File: Sendable, Hashable {
            /// Its path in the repository.
            public var name: String
            /// Bytes.
            public var size: Int
            /// Its SHA-256, or git's SHA-1 for small files that are not in large-file storage.
            public var hash: String
        }
    }

    /// A download of the chosen files of `name`.
    public init(_ name: HubName, selection: FileSelection = FileSelection(), configuration: HubConfiguration) {
        self.name = name
        self.selection = selection
        self.configuration = configuration
        cache = HubCache(directory: configuration.cacheDirectory)
    }

    /// Fetches what is missing, checks it, and makes the name mean it.
    ///
    /// Cancelled or killed, it leaves partial files from which the next run goes on. Several may run at once.
    ///
    /// - Throws: `HubError`; `CancellationError` when the task is told to stop.
    public func run(onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }) async throws -> Outcome {
        guard !configuration.isOffline else {
            throw HubError(
                .unavailable, name.description, "HF_HUB_OFFLINE is set, so nothing is asked of the hub",
                remedy: "Unset it to download.")
        }
        let client = HubClient(configuration) { onEvent(.pause(reason: $0, $1)) }
        do {
            let outcome = try await run(client, onEvent)
            await client.shutdown()
            return outcome
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private func run(_ client: HubClient, _ onEvent: @escaping @Sendable (PullEvent) -> Void) async throws -> Outcome {
        let listing = try await client.listing(of: name)
        let chosen = try selection.choose(from: listing.files, of: name)
        let files = try await concurrently(chosen) {
            try await client.metadata(of: $0, in: listing.commit, of: name)
        }
        let meter = PullMeter(files, onEvent: onEvent)
        let downloads = files.map {
            BlobDownload(file: $0, commit: listing.commit, name: name, cache: cache, client: client, meter: meter)
        }
        let reference = cache.reference(name.revision ?? HubName.defaultRevision, of: name.repository)
        try CacheFiles.makeFolder(of: cache.blob("", of: name.repository) + "blob")
        try CacheFiles.checkRoom(
            for: downloads.reduce(0) { $0 + $1.missingBytes }, in: cache.folder(of: name.repository))
        _ = try await concurrently(downloads) { try await $0.run() }
        // Last, so that the name never means a snapshot that is not yet whole.
        if name.revision != listing.commit { try CacheFiles.write(listing.commit, to: reference) }
        return Outcome(
            commit: listing.commit, path: cache.snapshot(listing.commit, of: name.repository),
            files: files.map { Outcome.File(name: $0.name, size: $0.size, hash: $0.hash) },
            fetchedBytes: meter.snapshot.fetchedBytes)
    }

    /// Runs `body` on the elements, as many at once as there may be connections.
    ///
    /// - Returns: the results in the elements' order.
    private func concurrently<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results: [Int: Result] = [:]
            for (index, element) in elements.enumerated() {
                if index >= configuration.connections, let (done, result) = try await group.next() {
                    results[done] = result
                }
                group.addTask { (index, try await body(element)) }
            }
            for try await (done, result) in group { results[done] = result }
            return elements.indices.compactMap { results[$0] }
        }
    }
}
