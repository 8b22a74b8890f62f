using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Api;

/// <summary>Posts bodies to one address, tries again where that may help, and says in a sentence why it gave up.</summary>
internal sealed class CompletionsClient : IDisposable
{
    private const int MaxErrorBytes = 64 << 10;
    private const int LongestQuote = 300;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromMinutes(1);

    private readonly CompletionsOptions _options;
    private readonly HttpClient _http;

    public CompletionsClient(CompletionsOptions options)
    {
        Uri address = options.Address;
        if (!address.IsAbsoluteUri
            || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            || address.UserInfo.Length > 0)
        {
            throw new EvaluationException(
                "The API's address was expected to be like http://localhost:8000/v1/completions, without a user's name or password in it; a key goes into the API key.");
        }

        Where = address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        if (address.AbsolutePath.TrimEnd('/').EndsWith("/chat/completions", StringComparison.OrdinalIgnoreCase))
        {
            throw new EvaluationException(
                $"{Where} is a chat endpoint, which does not give a prompt's log-probabilities; give the address of /v1/completions.");
        }

        if (options.ApiKey is { } key && key.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new EvaluationException(
                $"The API key for {Where} was expected to be printable ASCII without blanks; a line's end or a blank may have been copied with it.");
        }

        _options = options;
        HttpMessageHandler handler = options.Handler ?? new SocketsHttpHandler
        {
            // A redirected POST would become a GET without its body.
            AllowAutoRedirect = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The address as messages and reports show it: without its query.</summary>
    public string Where { get; }

    /// <summary>The body of a successful response.</summary>
    /// <param name="body">What is sent.</param>
    /// <param name="mostBytes">The longest answer that is read.</param>
    /// <param name="cancellation">Ends the request, or the wait before the next attempt.</param>
    /// <exception cref="EvaluationException">There is none after all attempts, or it is too long.</exception>
    public async Task<byte[]> PostAsync(byte[] body, int mostBytes, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            Outcome outcome = await TryAsync(body, mostBytes, cancellation).ConfigureAwait(false);
            if (outcome.Body is { } found)
            {
                return found;
            }

            if (!outcome.MayPass || attempt == _options.Attempts)
            {
                string attempts = attempt == 1 ? string.Empty : $" after {attempt} attempts";
                throw new EvaluationException($"{Where}: no answer{attempts}: {outcome.Failure}");
            }

            TimeSpan wait = TimeSpan.FromSeconds(1 << Math.Min(attempt - 1, 4));
            wait = wait < LongestWait ? wait : LongestWait;
            if (outcome.RetryAfter is { } asked)
            {
                wait = asked < TimeSpan.Zero ? TimeSpan.Zero : asked < LongestRetryAfter ? asked : LongestRetryAfter;
            }

            await Task.Delay(wait, _options.Time, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<Outcome> TryAsync(byte[] body, int mostBytes, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(_options.Timeout, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Address);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (!string.IsNullOrEmpty(_options.ApiKey))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _options.ApiKey);
        }

        try
        {
            using HttpResponseMessage response = await _http
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                return await RefusedAsync(response, either.Token).ConfigureAwait(false);
            }

            (byte[] found, bool whole) = await ReadAsync(response.Content, mostBytes, either.Token).ConfigureAwait(false);
            return whole
                ? new Outcome(found, string.Empty, MayPass: false, RetryAfter: null)
                : throw new EvaluationException(
                    $"{Where}: an answer of at most {mostBytes >> 10} KiB was expected, the most its prompts can need; found a longer one.{Advice(mostBytes)}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new Outcome(null, $"nothing came within {_options.Timeout.TotalSeconds:0.###} seconds.", MayPass: true, RetryAfter: null);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            return new Outcome(null, $"the connection failed: {Quote(failure.Message)}", MayPass: true, RetryAfter: null);
        }
    }

    private static string Advice(int mostBytes) =>
        mostBytes == CompletionsAnswer.LongestAnswer ? " Send fewer prompts in a request." : string.Empty;

    private async Task<Outcome> RefusedAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        (byte[] body, _) = await ReadAsync(response.Content, MaxErrorBytes, cancellation).ConfigureAwait(false);
        int status = (int)response.StatusCode;
        string hint = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => string.IsNullOrEmpty(_options.ApiKey)
                ? $" No key was given; set {_options.KeySource}."
                : $" The key came from {_options.KeySource}.",
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed => " The address must be complete, /v1/completions included.",
            >= (HttpStatusCode)300 and < (HttpStatusCode)400 => " Redirects are not followed; give the address it leads to.",
            _ => string.Empty,
        };
        TimeSpan? retryAfter = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _options.Time.GetUtcNow(),
            _ => null,
        };
        return new Outcome(null, $"status {status}{Said(body)}.{hint}", MayPass: status is 408 or 429 or >= 500, retryAfter);
    }

    // At most one byte more than the limit is kept, whatever a server sends.
    private static async Task<(byte[] Bytes, bool Whole)> ReadAsync(HttpContent content, int limit, CancellationToken cancellation)
    {
        Stream stream = await content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var kept = new MemoryStream();
            byte[] part = new byte[1 << 16];
            while (kept.Length < limit)
            {
                int room = (int)Math.Min(part.Length, limit - kept.Length);
                int count = await stream.ReadAsync(part.AsMemory(0, room), cancellation).ConfigureAwait(false);
                if (count == 0)
                {
                    return (kept.ToArray(), true);
                }

                kept.Write(part, 0, count);
            }

            bool whole = await stream.ReadAsync(part.AsMemory(0, 1), cancellation).ConfigureAwait(false) == 0;
            return (kept.ToArray(), whole);
        }
    }

    /// <summary>What an error's body says, to follow its status.</summary>
    private string Said(byte[] body)
    {
        string text = ErrorMessage(body) ?? Encoding.UTF8.GetString(body);
        string start = text.TrimStart();
        return start.Length == 0 ? string.Empty
            : start[0] == '<' ? ", with a page for a browser"
            : $", \"{Quote(text)}\"";
    }

    // {"error": {"message": text}}, {"error": text}, {"message": text} or {"detail": text}.
    private static string? ErrorMessage(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = CompletionsAnswer.MaxDepth });
            JsonElement found = document.RootElement;
            foreach (string name in new[] { "error", "message", "detail" })
            {
                if (found.ValueKind == JsonValueKind.Object && found.TryGetProperty(name, out JsonElement inner))
                {
                    found = inner;
                }
            }

            return found.ValueKind == JsonValueKind.String ? found.GetString() : null;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // Servers repeat the key they were given, in full or beside other text.
    private string Quote(string text)
    {
        string safe = string.IsNullOrEmpty(_options.ApiKey) ? text : text.Replace(_options.ApiKey, "(key)", StringComparison.Ordinal);
        string line = string.Join(' ', safe.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= LongestQuote ? line : $"{line[..LongestQuote]}…";
    }

    /// <param name="Body">The answer, or null.</param>
    /// <param name="Failure">Why there is none, to end a sentence with.</param>
    /// <param name="MayPass">Whether another attempt may help.</param>
    /// <param name="RetryAfter">How long the server asks to wait.</param>
    private readonly record struct Outcome(byte[]? Body, string Failure, bool MayPass, TimeSpan? RetryAfter);
}
