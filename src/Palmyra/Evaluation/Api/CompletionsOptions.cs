using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Api;

/// <summary>Which API is asked, and how.</summary>
/// <remarks>A class and no record, so that nothing prints its key.</remarks>
public sealed class CompletionsOptions
{
    /// <summary>The complete address, <c>/v1/completions</c> included: requests go to it as it stands.</summary>
    public required Uri Address { get; init; }

    /// <summary>The model's name, as the API knows it.</summary>
    public required string Model { get; init; }

    /// <summary>What is asked and how the answer is read; <see cref="CompletionsDialect.Today"/> by default.</summary>
    public CompletionsDialect Dialect { get; init; } = CompletionsDialect.Today;

    /// <summary>How texts become tokens, where <see cref="Tokenizer"/> is given; <see cref="EvaluationProtocol.Today"/> by default.</summary>
    public EvaluationProtocol Protocol { get; init; } = EvaluationProtocol.Today;

    /// <summary>
    /// The model's tokenizer: prompts then go as token ids. Null sends them as text, and the continuation is found by <c>text_offset</c>; texts
    /// without a context, whole texts, and protocols other than today's then cannot be scored.
    /// </summary>
    public GptTokenizer? Tokenizer { get; init; }

    /// <summary>
    /// Tokens of the model's context, generated ones included; 2048 as in the harness. Longer prompts lose their beginning; texts are not cut.
    /// </summary>
    public int MaxLength { get; init; } = 2048;

    /// <summary>Requests on their way at a time; 1 by default.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>Prompts in a request; 1 by default.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>
    /// Attempts at a request; 3 as in the harness. Between them pass 1, 2, 4, 8, 10, 10, ... seconds, or what the server's Retry-After asks for, a
    /// minute at most. Timeouts, failed connections and the statuses 408, 429 and 5xx are tried again.
    /// </summary>
    public int Attempts { get; init; } = 3;

    /// <summary>What one attempt may take; 300 seconds as in the harness.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Sent as <c>Authorization: Bearer</c>; null or empty sends no such header. No message, report or exception has it.</summary>
    public string? ApiKey { get; init; }

    /// <summary>What messages call the place that <see cref="ApiKey"/> came from, or should: an environment variable; OPENAI_API_KEY by default.</summary>
    public string KeySource { get; init; } = "OPENAI_API_KEY";

    /// <summary>What carries requests, disposed with the scorer; null for a connection of its own, which follows no redirects.</summary>
    public HttpMessageHandler? Handler { get; init; }

    /// <summary>The clock of waits and timeouts.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
