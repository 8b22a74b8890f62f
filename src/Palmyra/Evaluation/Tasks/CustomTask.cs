using System.Globalization;
using System.Text;
using System.Text.Json;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>A user's own task: a JSON-lines file, and a small JSON object that says how a record becomes an item.</summary>
/// <remarks>
/// <para>Keys of every description: <c>name</c>; <c>title</c>, by default the name; <c>kind</c>: multiple_choice, cloze or perplexity; <c>file</c>:
/// the JSON-lines file, relative to the description. Texts may hold placeholders <c>{{field}}</c>; there are no expressions.</para>
/// <para>multiple_choice: <c>context</c>; <c>choices</c>, a list of texts or one placeholder whose field is a list; <c>gold</c>; and, if they are
/// needed, <c>labels</c> (as choices), <c>delimiter</c> before a choice (one space) and <c>chance</c> (one over the number of listed choices).</para>
/// <para>What <c>gold</c> gives is the right choice's label where there are labels. Without labels it is a choice's number from 0, or its very
/// text; a text that is the number of one choice and the text of another is refused.</para>
/// <para>cloze: <c>context</c> and <c>continuation</c>, joined by <c>delimiter</c>. perplexity: <c>text</c>.</para>
/// <example><code>
/// {"name": "quiz", "kind": "multiple_choice", "file": "quiz.jsonl",
///  "context": "Question: {{question}}\nAnswer:", "choices": ["{{a}}", "{{b}}"], "gold": "{{right}}", "labels": ["A", "B"]}
/// </code></example>
/// </remarks>
public sealed class CustomTask : EvaluationTask
{
    private readonly Func<JsonRecord, int, EvaluationItem> _item;
    private readonly TemplateList? _choices;
    private readonly TemplateList? _labels;
    private readonly Template? _gold;
    private readonly Template _context;
    private readonly Template _continuation;
    private readonly string _delimiter;

    private CustomTask(TaskDescription description, string folder)
    {
        Template none = Template.Parse(string.Empty);
        (_context, _continuation, _delimiter) = (none, none, string.Empty);
        Version = description.Digest;
        Name = description.Text("name");
        if (Name.Length == 0 || Name.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('_' or '-' or '.')))
        {
            throw description.Wrong("name", "letters, digits, _, - and .");
        }

        if (EvaluationTasks.Find(Name) is not null)
        {
            throw description.Wrong("name", "one that none of Palmyra's own tasks has");
        }

        Title = description.Text("title", Name);
        string file = description.Text("file");
        if (Path.GetFileName(file).Length == 0 || file.Contains('\0', StringComparison.Ordinal))
        {
            throw description.Wrong("file", "the path of a file");
        }

        DataPath = Path.Combine(folder, file);
        FileNames = [Path.GetFileName(file)];
        string kind = description.Text("kind");
        IEnumerable<string> fields;
        switch (kind)
        {
            case "multiple_choice":
                description.CheckKeys(kind, "context", "choices", "gold", "labels", "delimiter", "chance");
                Kind = TaskKind.MultipleChoice;
                _context = description.Template("context");
                _choices = description.Templates("choices");
                _labels = description.Has("labels") ? description.Templates("labels") : null;
                _gold = description.Template("gold");
                _delimiter = description.Text("delimiter", " ");
                Chance = description.Share("chance") ?? (1.0 / _choices.Count);
                fields = [.. _context.Fields, .. _choices.Fields, .. _labels?.Fields ?? [], .. _gold.Fields];
                _item = MultipleChoiceItem;
                break;
            case "cloze":
                description.CheckKeys(kind, "context", "continuation", "delimiter");
                Kind = TaskKind.Cloze;
                _context = description.Template("context");
                _continuation = description.Template("continuation");
                _delimiter = description.Text("delimiter", " ");
                fields = [.. _context.Fields, .. _continuation.Fields];
                _item = ClozeItem;
                break;
            case "perplexity":
                description.CheckKeys(kind, "text");
                Kind = TaskKind.Perplexity;
                _continuation = description.Template("text");
                fields = _continuation.Fields;
                _item = PerplexityItem;
                break;
            default:
                throw description.Wrong("kind", "multiple_choice, cloze or perplexity");
        }

        Forms = [[.. fields.Distinct()]];
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Title { get; }

    /// <inheritdoc/>
    public override TaskKind Kind { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames { get; }

    /// <inheritdoc/>
    public override double? Chance { get; }

    /// <summary>The data file the description names.</summary>
    public string DataPath { get; }

    /// <summary>The first digits of the description's SHA-256.</summary>
    public override string Version { get; }

    /// <inheritdoc/>
    internal override IReadOnlyList<IReadOnlyList<string>> Forms { get; }

    /// <summary>Reads a description.</summary>
    /// <param name="path">The JSON file that describes the task; the data file lies relative to it and is not opened yet.</param>
    /// <exception cref="EvaluationException">The file cannot be read, or a key is missing, unknown or wrong; it is named.</exception>
    public static CustomTask Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new CustomTask(TaskDescription.Read(path), Path.GetDirectoryName(path) ?? string.Empty);
    }

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return JsonLines.Items(data, this, _item);
    }

    private EvaluationItem MultipleChoiceItem(JsonRecord record, int index)
    {
        string context = _context.Render(record);
        IReadOnlyList<string> choices = _choices!.Render(record);
        if (choices.Count < 2)
        {
            throw record.Refused($"expected two choices or more; found {choices.Count}.");
        }

        return new EvaluationItem
        {
            Index = index,
            Requests = [.. choices.Select(choice => new ContinuationRequest(context, _delimiter + choice))],
            Choices = choices,
            Gold = Gold(record, choices),
        };
    }

    private EvaluationItem ClozeItem(JsonRecord record, int index) => new()
    {
        Index = index,
        Requests = [new ContinuationRequest(_context.Render(record), _delimiter + _continuation.Render(record))],
    };

    private EvaluationItem PerplexityItem(JsonRecord record, int index)
    {
        string text = _continuation.Render(record);
        return new EvaluationItem
        {
            Index = index,
            Requests = [new RollingRequest(text)],
            Words = PythonText.CountPieces(text),
            Bytes = Encoding.UTF8.GetByteCount(text),
        };
    }

    private int Gold(JsonRecord record, IReadOnlyList<string> choices)
    {
        string gold = _gold!.Render(record);
        if (_labels is not null)
        {
            IReadOnlyList<string> labels = _labels.Render(record);
            return labels.Count != choices.Count
                ? throw record.Refused($"expected a label for each of {choices.Count} choices; found {labels.Count}.")
                : Only(record, gold, labels, "label")
                    ?? throw record.Refused($"gold \"{gold}\" was expected to be a label: {Sentence.List(labels, "or")}.");
        }

        int? number = int.TryParse(gold, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value < choices.Count ? value : null;
        bool isNumber = _gold.OnlyField is string field && record.Find(field)?.ValueKind == JsonValueKind.Number;
        int? text = isNumber ? null : Only(record, gold, choices, "choice");
        return number is not null && text is not null && number != text
            ? throw record.Refused(
                $"gold \"{gold}\" is the number of choice {number} and the text of choice {text}; give the choices labels, or gold as a number.")
            : number ?? text ?? throw record.Refused($"gold \"{gold}\" was expected to be a choice's number, 0 to {choices.Count - 1}, or its text.");
    }

    private static int? Only(JsonRecord record, string text, IReadOnlyList<string> among, string what)
    {
        int[] places = [.. Enumerable.Range(0, among.Count).Where(i => among[i] == text)];
        return places switch
        {
            [] => null,
            [int place] => place,
            [int place, int other, ..] => throw record.Refused($"gold \"{text}\" is the {what} in places {place} and {other}; it must be one."),
        };
    }
}
