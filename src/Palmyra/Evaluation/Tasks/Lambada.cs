using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation.Tasks;

/// <summary>LAMBADA (Paperno et al. 2016): the last word of a passage, which only the whole passage gives away.</summary>
/// <remarks>
/// A passage is split at its last space, U+0020 and no other; the word with that space is scored. Records are <c>{"text"}</c>, or
/// <c>{"context", "continuation"}</c> as some publish them; the original set is also read as text with a passage a line. Numbers of OpenAI's
/// detokenised passages and of the original tokenised ones differ widely and must not be mixed.
/// </remarks>
public sealed class Lambada : EvaluationTask
{
    private const string ClozeEnding = " ____. ->";

    private static readonly KnownFile[] OpenAiFiles =
    [
        new("4aa8d02cd17c719165fc8a7887fddd641f43fcafa4b1c806ca8abc31fabdb226", "LAMBADA test set as OpenAI processed it, 5,153 passages"),
        new(
            "411bfbe5b9054346b6a19299c0242670adbefb9162efd958593cbc0290b8c9dc",
            "LAMBADA test set as OpenAI processed it, 5,153 passages, split into context and word by llm-foundry"),
    ];

    private readonly bool _isOriginal;
    private readonly bool _isCloze;

    private Lambada(string name, string title, bool isOriginal, bool isCloze)
    {
        Name = name;
        Title = title;
        _isOriginal = isOriginal;
        _isCloze = isCloze;
    }

    /// <summary>lambada_openai: the passages as OpenAI processed them. What "LAMBADA" in a table of language models means.</summary>
    public static Lambada OpenAi { get; } = new("lambada_openai", "LAMBADA", isOriginal: false, isCloze: false);

    /// <summary>lambada_standard: the original passages, lower-case and in tokens.</summary>
    public static Lambada Standard { get; } = new("lambada_standard", "LAMBADA (original)", isOriginal: true, isCloze: false);

    /// <summary>lambada_openai_cloze: " ____. ->" after the context.</summary>
    public static Lambada OpenAiCloze { get; } = new("lambada_openai_cloze", "LAMBADA (cloze)", isOriginal: false, isCloze: true);

    /// <summary>lambada_standard_cloze: " ____. ->" after the context of the original passages.</summary>
    public static Lambada StandardCloze { get; } = new("lambada_standard_cloze", "LAMBADA (original, cloze)", isOriginal: true, isCloze: true);

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Title { get; }

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.Cloze;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FileNames => _isOriginal
        ? ["lambada_test_plain_text.txt", "lambada_standard*.jsonl"]
        : ["lambada_test.jsonl", "lambada_test_en.jsonl", "lambada_openai*.jsonl"];

    /// <inheritdoc/>
    public override IReadOnlyList<KnownFile> KnownFiles => _isOriginal ? [] : OpenAiFiles;

    /// <inheritdoc/>
    internal override bool? DrawsOneMoreExample => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<IReadOnlyList<string>> Forms { get; } = [["text"], ["context", "continuation"]];

    // The test set itself repeats two passages, in OpenAI's form too, and whoever writes its records anew changes the checksum.
    /// <inheritdoc/>
    internal override bool MayRepeat => true;

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return _isOriginal && data.Path.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)
            ? Bounded(ReadText(data), data)
            : JsonLines.Items(data, this, (record, index) => record.Has("text")
                ? FromPassage(record.Text("text"), index)
                : Item(record.Text("context"), record.Text("continuation"), index));
    }

    private IEnumerable<EvaluationItem> ReadText(DataFile data)
    {
        int index = 0;
        foreach (TextLine line in TextLines.Read(data.Path))
        {
            string passage = Encoding.UTF8.GetString(line.Bytes.Span).TrimEnd('\r');
            EvaluationItem item = FromPassage(passage, index++);
            if (passage.Length == 0 || passage[^1] == ' ')
            {
                throw new EvaluationException(
                    $"{data.Path}, line {line.Number}: expected a passage that ends with the word to score; found none after the last space.");
            }

            yield return item;
        }
    }

    private EvaluationItem FromPassage(string text, int index)
    {
        int space = text.LastIndexOf(' ');
        return Item(space < 0 ? string.Empty : text[..space], text[(space + 1)..], index);
    }

    private EvaluationItem Item(string context, string word, int index) => new()
    {
        Index = index,
        Requests = [new ContinuationRequest(_isCloze ? context + ClozeEnding : context, " " + word)],
    };
}
