using System.Globalization;
using System.Text;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Cards;

/// <summary>What the block between two lines of three dashes at the head of a folder's README.md says: language, license, tags, ...</summary>
/// <remarks>
/// A tolerant reading of a small part of YAML. Taken are keys of the outermost level whose value is one scalar (plain, 'quoted' or
/// "quoted" on one line) or a list of such scalars, in brackets on one line or each on a line behind a dash. Everything else (objects,
/// texts of several lines, anchors, tags of types) is left out without a word, as is a block that does not end within the first 64 KiB.
/// </remarks>
public sealed class FrontMatter
{
    /// <summary>The file whose head is read.</summary>
    public const string FileName = "README.md";

    /// <summary>The key for the tokens a model was trained on.</summary>
    public const string TrainingTokensKey = "training_tokens";

    private const int MostBytes = 1 << 16;
    private const string Fence = "---";

    private readonly Dictionary<string, IReadOnlyList<string>> _values;

    private FrontMatter(Dictionary<string, IReadOnlyList<string>> values) => _values = values;

    /// <summary>A block that says nothing.</summary>
    public static FrontMatter Empty { get; } = new([]);

    /// <summary>The keys whose values were understood, in the order of the block.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>Tokens D the model was trained on, if <c>training_tokens</c> is a number above zero; underscores and commas may part its digits.</summary>
    public double? TrainingTokens =>
        Text(TrainingTokensKey) is string text
        && double.TryParse(
            text.Replace("_", string.Empty, StringComparison.Ordinal).Replace(",", string.Empty, StringComparison.Ordinal),
            NumberStyles.Float,
            CultureInfo.InvariantCulture,
            out double tokens)
        && double.IsFinite(tokens) && tokens >= 1
            ? tokens
            : null;

    /// <summary>Reads the head of a folder's README.md.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <returns>What it says; <see cref="Empty"/> where there is no such file or block.</returns>
    /// <exception cref="CheckpointException">The file is there and cannot be read.</exception>
    public static FrontMatter Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return Empty;
        }

        using var file = new MappedFile(path);
        return Parse(Encoding.UTF8.GetString(file.Slice(0, (int)Math.Min(file.Length, MostBytes))));
    }

    /// <summary>Reads the head of a text.</summary>
    /// <param name="text">The text; only its first 65,536 characters are looked at.</param>
    public static FrontMatter Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] lines = text[..Math.Min(text.Length, MostBytes)].TrimStart('\uFEFF').ReplaceLineEndings("\n").Split('\n');
        int end = Array.FindIndex(lines, 1, line => line.TrimEnd() == Fence);
        if (lines[0].TrimEnd() != Fence || end < 0)
        {
            return Empty;
        }

        var values = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        for (int i = 1; i < end;)
        {
            string line = lines[i++];
            int first = i;
            while (i < end && (lines[i].Length == 0 || lines[i][0] is ' ' or '\t' or '-' or '#'))
            {
                i++;
            }

            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && IsKey(line[..colon]) && (colon + 1 == line.Length || line[colon + 1] is ' ' or '\t')
                && Values(line[(colon + 1)..], lines[first..i]) is IReadOnlyList<string> found)
            {
                values[line[..colon]] = found;
            }
        }

        return new FrontMatter(values);
    }

    /// <summary>The one value of a key; null if it is absent or a list of several.</summary>
    public string? Text(string key) => List(key) is [string only] ? only : null;

    /// <summary>The values of a key, one for a scalar; none if it is absent.</summary>
    public IReadOnlyList<string> List(string key) => _values.GetValueOrDefault(key) ?? [];

    private static bool IsKey(string text) => text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');

    /// <param name="inline">What follows the colon.</param>
    /// <param name="block">The lines that belong to the key: deeper ones, and those with a dash.</param>
    private static IReadOnlyList<string>? Values(string inline, string[] block)
    {
        string[] rest = [.. block.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        string value = inline.Trim();
        if (value.Length > 0 && value[0] != '#')
        {
            return rest.Length > 0 ? null : value[0] == '[' ? YamlScalar.List(value) : YamlScalar.Read(value) is string text ? [text] : null;
        }

        var items = new List<string>();
        foreach (string line in rest)
        {
            if (line[0] != '-' || (line.Length > 1 && line[1] != ' ') || YamlScalar.Read(line[1..].Trim()) is not string item)
            {
                return null;
            }

            items.Add(item);
        }

        return items.Count > 0 ? items : null;
    }
}
