import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Speaks HTTP with the hub and with the hosts that it redirects to.
final class HubClient: Sendable {
    private let configuration: HubConfiguration
    private let client: HTTPClient
    /// Is told when there is a pause before the next try.
    private let onPause: @Sendable (String, Duration) -> Void

    private static let longestListing = 64 << 20
    private static let mostRedirects = 8

    init(_ configuration: HubConfiguration, onPause: @escaping @Sendable (String, Duration) -> Void) {
        self.configuration = configuration
        self.onPause = onPause
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(60)))
        // HTTP/2 would carry all files over one connection.
        settings.httpVersion = .http1Only
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
        // Tried again by our policy, which tells the user.
        settings.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async { try? await client.shutdown() }

    /// Tries again what may pass.
    func retrying<Result>(_ subject: String, _ body: () async throws -> Result) async throws -> Result {
        try await configuration.retry.run(subject, onPause: onPause, body)
    }

    /// The commit that a name means, and the files in it.
    func listing(of name: HubName) async throws -> RepositoryListing {
        let revision = Self.escaped(name.revision ?? HubName.defaultRevision, keeping: "")
        let url = "\(configuration.endpoint)/api/models/\(name.repository)/revision/\(revision)"
        return try await retrying(name.description) {
            let (response, _) = try await send(.GET, url, about: name)
            do {
                let body = try await response.body.collect(upTo: Self.longestListing)
                return try RepositoryListing(json: body.readableBytesView, of: name)
            } catch let error as HubError {
                throw error
            } catch {
                throw try Self.transient(error)
            }
        }
    }

    /// What the hub says of a file: its hash and size.
    func metadata(of file: String, in commit: String, of name: HubName) async throws -> RemoteFile {
        try await retrying("\(name): \(file)") {
            let (response, _) = try await send(
                .HEAD, resolveURL(file, commit, name), about: name, file: file,
                stopsAtRedirect: { RemoteFile.isDescribed(by: $0.headers) })
            return try RemoteFile(name: file, headers: response.headers, commit: commit, of: name)
        }
    }

    /// Begins to fetch a file's bytes from `offset` on; not tried again.
    func contents(
        of file: String, from offset: Int, in commit: String, of name: HubName
    ) async throws -> HTTPClientResponse {
        let headers: HTTPHeaders = offset > 0 ? ["Range": "bytes=\(offset)-"] : [:]
        return try await send(.GET, resolveURL(file, commit, name), headers: headers, about: name, file: file).0
    }

    private func resolveURL(_ file: String, _ commit: String, _ name: HubName) -> String {
        "\(configuration.endpoint)/\(name.repository)/resolve/\(commit)/\(Self.escaped(file, keeping: "/"))"
    }

    /// Percent-encodes all but letters, digits, `-._~` and `keeping`.
    private static func escaped(_ text: String, keeping: String) -> String {
        let plain = CharacterSet(
            charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~" + keeping)
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }
}

// MARK: - Requests

extension HubClient {
    /// Sends a request and follows redirects. The token goes to the endpoint itself and to no other host.
    ///
    /// - Returns: the first answer that is no redirect, or at which `stopsAtRedirect` says so, and its URL.
    /// - Throws: `TransientFailure` for what may pass, `HubError` for what will not.
    private func send(
        _ method: HTTPMethod, _ url: String, headers: HTTPHeaders = [:], about name: HubName, file: String? = nil,
        stopsAtRedirect: (HTTPClientResponse) -> Bool = { _ in false }
    ) async throws -> (HTTPClientResponse, URL) {
        guard var url = URL(string: url), let endpoint = Origin(URL(string: configuration.endpoint)) else {
            throw HubError(
                .unavailable, configuration.endpoint, "is no URL of a hub", remedy: "Correct HF_ENDPOINT, or unset it.")
        }
        for _ in 0...Self.mostRedirects {
            let response = try await sendOnce(
                method, url, headers: headers, token: Origin(url) == endpoint ? configuration.token : nil)
            switch response.status.code {
            case 200, 206, 416:
                return (response, url)
            case 300...399:
                if stopsAtRedirect(response) { return (response, url) }
                guard let location = response.headers.first(name: "Location"),
                    let next = URL(string: location, relativeTo: url)?.absoluteURL, Origin(next) != nil
                else {
                    throw HubError(.unavailable, name.description, "the hub redirects to no place", remedy: "")
                }
                // Read to its end, the connection can be used again.
                _ = try? await response.body.collect(upTo: 1 << 16)
                url = next
            default:
                throw HubRefusal(response, name: name, file: file, configuration: configuration).error
            }
        }
        throw HubError(.unavailable, name.description, "the hub redirects in circles", remedy: "Try again later.")
    }

    private func sendOnce(
        _ method: HTTPMethod, _ url: URL, headers: HTTPHeaders, token: String?
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        request.headers = headers
        request.headers.add(name: "User-Agent", value: "octavo")
        // Sizes and ranges are those of the file itself.
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        do {
            // The deadline would be for the body too; reading has a timeout of its own.
            return try await client.execute(request, deadline: .distantFuture)
        } catch {
            throw try Self.transient(error, "cannot reach \(url.host ?? "")")
        }
    }

    /// A failure of the connection, which may pass.
    ///
    /// - Parameter what: what failed.
    /// - Throws: `CancellationError` when the task was told to stop.
    static func transient(_ error: any Error, _ what: String = "the connection broke") throws -> TransientFailure {
        if Task.isCancelled || error is CancellationError { throw CancellationError() }
        if let error = error as? TransientFailure { return error }
        let connection = error as? NIOConnectionError
        let cause = connection?.connectionErrors.first?.error ?? connection?.dnsAError ?? error
        return TransientFailure(reason: "\(what) (\(reason(cause)))")
    }

    /// An error in the system's words, if it is the system's.
    private static func reason(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}

/// Scheme, host and port: whom a request goes to.
private struct Origin: Equatable {
    var scheme: String
    var host: String
    var port: Int

    /// Nil for what is not HTTP.
    init?(_ url: URL?) {
        guard let scheme = url?.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = url?.host?.lowercased(), !host.isEmpty
        else { return nil }
        self.scheme = scheme
        self.host = host
        port = url?.port ?? (scheme == "https" ? 443 : 80)
    }
}
