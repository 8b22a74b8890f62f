using System.CommandLine;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Api;
using Palmyra.Evaluation.Scoring;
using Palmyra.Tokenization;

namespace Palmyra.Cli;

/// <summary>The options of a model behind an OpenAI-compatible completions API.</summary>
internal sealed class ApiOptions
{
    private readonly Option<string?> _address = CommandOption.Value<string?>(
        "--api", "Evaluate a model behind an API that echoes log-probabilities: the whole address, /v1/completions included.", "URL");

    private readonly Option<string?> _model = CommandOption.Value<string?>("--api-model", "The model's name there.", "NAME");

    private readonly Option<string> _dialect = CommandOption.Choice(
        "--api-dialect", "How it is asked: as lm-evaluation-harness asks today, or as it did up to 0.4.2.",
        [.. CompletionsDialect.All.Select(dialect => dialect.Name)]);

    private readonly Option<string?> _tokenizer = CommandOption.Value<string?>(
        "--api-tokenizer", "A folder with the model's tokenizer: prompts go as token ids, as the harness sends them. Without it they go as text.", "FOLDER");

    private readonly Option<int> _length = Number("--api-max-length", "Tokens the model takes.", 2048, least: 4);

    private readonly Option<int> _concurrency = Number("--api-concurrency", "Requests in flight at once.", 1);

    private readonly Option<int> _batch = Number("--api-batch", "Prompts in a request.", 1);

    private readonly Option<string> _key = new("--api-key-variable")
    {
        Description = "The environment variable that holds the key; it may be unset.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "OPENAI_API_KEY",
    };

    private IEnumerable<Option> Others => [_model, _dialect, _tokenizer, _length, _concurrency, _batch, _key];

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _address, _model, _tokenizer, _key })
        {
            CommandOption.RequireText(option, option == _tokenizer ? "a path" : "a text");
        }

        command.Add(_address);
        foreach (Option option in Others)
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetValue(_address) is null && Others.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is Option stray)
            {
                result.AddError($"{stray.Name} is for --api, which is not given.");
            }
        });
    }

    private static Option<int> Number(string name, string description, int usual, int least = 1)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => usual };
        CommandOption.Between(option, least);
        return option;
    }

    /// <summary>Whether a model behind an API is to be evaluated.</summary>
    public bool IsAsked(ParseResult parsed) => parsed.GetValue(_address) is not null;

    /// <summary>The model behind the API.</summary>
    public ITextScorer Open(ParseResult parsed, ModelOptions options, EvaluationProtocol protocol)
    {
        string address = parsed.GetValue(_address)!;
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new UsageException($"--api was expected to be an address such as http://localhost:8000/v1/completions; found '{address}'.");
        }

        return new CompletionsTextScorer(new CompletionsOptions
        {
            Address = uri,
            Model = parsed.GetValue(_model) ?? throw new UsageException("--api needs --api-model, the model's name there."),
            Dialect = CompletionsDialect.Find(parsed.GetValue(_dialect)!)!,
            Protocol = protocol,
            Tokenizer = parsed.GetValue(_tokenizer) is string folder
                ? GptTokenizer.Open(folder, new TokenizerOptions { SplitPattern = parsed.GetValue(options.SplitRegex) })
                : null,
            MaxLength = parsed.GetValue(_length),
            Concurrency = parsed.GetValue(_concurrency),
            BatchSize = parsed.GetValue(_batch),
            ApiKey = Environment.GetEnvironmentVariable(parsed.GetValue(_key)!),
            KeySource = parsed.GetValue(_key)!,
        });
    }
}
