import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Fetches one file of a snapshot, unless it is there.
struct BlobDownload {
    let file: RemoteFile
    let commit: String
    let name: HubName
    let cache: HubCache
    let client: HubClient
    let meter: PullMeter

    private var subject: String { "\(name): \(file.name)" }
    private var blob: String { cache.blob(file.hash, of: name.repository) }
    private var place: String { "\(cache.snapshot(commit, of: name.repository))/\(file.name)" }

    /// Whether the file needs no fetching.
    var isPlaced: Bool { CacheFiles.size(of: place) == file.size }
    /// Bytes still to be fetched, as far as the cache tells.
    var missingBytes: Int {
        if isPlaced || CacheFiles.size(of: blob) == file.size { return 0 }
        return max(0, file.size - (CacheFiles.size(of: blob + ".incomplete") ?? 0))
    }

    /// Fetches the file and puts it in its place in the snapshot.
    func run() async throws {
        if isPlaced { return meter.finish(alreadyThere: file.size) }
        // One process fetches a blob, and others that want it wait and then have it.
        let lock = try await BlobLock.acquire(cache.lock(file.hash, of: name.repository))
        defer { extendLifetime(lock) }
        if CacheFiles.size(of: blob) == file.size {
            meter.finish(alreadyThere: file.size)
        } else {
            try await fetch()
            meter.finish(alreadyThere: 0)
        }
        if !isPlaced { try CacheFiles.place(blob: blob, at: place, file: file.name) }
    }

    private func fetch() async throws {
        let partial = try PartialBlob(file, blob: blob)
        meter.add(alreadyThere: partial.count)
        try await client.retrying(subject) {
            let before = partial.count
            do {
                try await receive(partial)
            } catch var failure as TransientFailure {
                failure.madeProgress = partial.count > before
                throw failure
            }
        }
        try partial.finish(as: blob, subject: subject)
    }

    /// Appends what is missing, as far as one request brings it.
    ///
    /// - Throws: `TransientFailure` when it brings less.
    private func receive(_ partial: PartialBlob) async throws {
        guard partial.count < file.size else { return }
        let response = try await client.contents(of: file.name, from: partial.count, in: commit, of: name)
        if response.status.code != 206, partial.count > 0 {
            // The server knows no ranges, or not this one.
            meter.add(alreadyThere: -partial.count)
            try partial.restart()
            if response.status.code == 416 { throw TransientFailure(reason: "the server refuses to continue the file") }
        }
        try check(response, offset: partial.count)
        do {
            for try await buffer in response.body {
                guard buffer.readableBytes <= file.size - partial.count else { throw wrongLength("more") }
                try buffer.withUnsafeReadableBytes { try partial.append($0) }
                meter.add(fetched: buffer.readableBytes)
            }
        } catch let error as HubError {
            throw error
        } catch {
            throw try HubClient.transient(error)
        }
        guard partial.count == file.size else { throw TransientFailure(reason: "the server ended the file early") }
    }

    /// Refuses an answer that announces other bytes than the ones that are missing.
    private func check(_ response: HTTPClientResponse, offset: Int) throws {
        if let length = response.headers.first(name: "Content-Length"), Int(length) != file.size - offset {
            throw wrongLength("\(length.prefix(20))")
        }
        guard response.status.code == 206 else { return }
        let range = response.headers.first(name: "Content-Range") ?? ""
        guard range.hasPrefix("bytes \(offset)-") else {
            throw HubError(.badData, subject, "the server sends another part of the file", remedy: "Try again later.")
        }
    }

    private func wrongLength(_ found: String) -> HubError {
        HubError(
            .badData, subject, "the server sends \(found) bytes, but announced \(file.size)",
            remedy: "Run the command again; if it happens again, something between here and the hub changes files.")
    }
}
