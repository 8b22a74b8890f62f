using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>What is asked for one record: pairs of context and continuation, or a text that stands alone.</summary>
internal sealed record NaiveItem
{
    public List<(string Context, string Continuation)> Pairs { get; init; } = [];

    public int Gold { get; init; }

    /// <summary>Choices whose length counts.</summary>
    public List<string>? Choices { get; init; }

    /// <summary>A page as it is in the file, and its text to be scored.</summary>
    public (string Original, string Text)? Page { get; init; }
}

/// <summary>Records of data files as items, written down from lm-evaluation-harness' descriptions.</summary>
internal static class NaiveTasks
{
    public static List<NaiveItem> Read(string task, string path) => task switch
    {
        "lambada_openai" => [.. Records(path).Select(record => Lambada(record, ""))],
        "lambada_openai_cloze" => [.. Records(path).Select(record => Lambada(record, " ____. ->"))],
        "winogrande" => [.. Records(path).Select(Winogrande)],
        "hellaswag" => [.. Records(path).Select(HellaSwag)],
        "piqa" => [.. Records(path).Zip(File.ReadAllLines(path.Replace("valid.jsonl", "valid-labels.lst", StringComparison.Ordinal)), Piqa)],
        "wikitext" => [.. Pages(File.ReadAllText(path)).Select(page => new NaiveItem { Page = (page, Detokenize(page)) })],
        _ => throw new ArgumentException(task, nameof(task)),
    };

    /// <summary>Two solved examples in front of each of ten items.</summary>
    public static List<NaiveItem> WithTwoExamples(List<NaiveItem> items, bool shuffled)
    {
        // Python: r = random.Random(1234); [r.sample(range(10), 3) for i in range(10)]
        // or: r = random.Random(42); r.shuffle(x := list(range(10))); d = {i: r.sample(range(10), 3) for i in x}; [d[i] for i in range(10)]
        int[][] drawn = shuffled
            ? [[1, 6, 9], [5, 9, 4], [3, 8, 0], [0, 1, 3], [3, 5, 1], [3, 7, 4], [0, 2, 6], [9, 6, 0], [8, 3, 6], [5, 4, 2]]
            :
            [
                [7, 1, 0], [1, 0, 9], [1, 5, 3], [0, 9, 8], [5, 7, 8], [2, 1, 9], [1, 0, 7], [3, 1, 7], [1, 9, 0], [4, 8, 1],
            ];
        var result = new List<NaiveItem>();
        for (int i = 0; i < items.Count; i++)
        {
            string front = "";
            foreach (int example in drawn[i].Where(example => example != i).Take(2))
            {
                (string context, string continuation) = items[example].Pairs[items[example].Gold];
                front += context + continuation + "\n\n";
            }

            result.Add(items[i] with { Pairs = [.. items[i].Pairs.Select(pair => (front + pair.Context, pair.Continuation))] });
        }

        return result;
    }

    private static NaiveItem Lambada(JsonElement record, string mark)
    {
        string text = record.GetProperty("text").GetString()!;
        int space = text.LastIndexOf(' ');
        return new NaiveItem { Pairs = [(text[..space] + mark, text[space..])] };
    }

    private static NaiveItem Winogrande(JsonElement record)
    {
        string[] parts = record.GetProperty("sentence").GetString()!.Split('_');
        string rest = " " + parts[1].Trim();
        return new NaiveItem
        {
            Pairs = [(parts[0] + record.GetProperty("option1").GetString(), rest), (parts[0] + record.GetProperty("option2").GetString(), rest)],
            Gold = int.Parse(record.GetProperty("answer").GetString()!, CultureInfo.InvariantCulture) - 1,
        };
    }

    private static NaiveItem HellaSwag(JsonElement record)
    {
        string second = record.GetProperty("ctx_b").GetString()!;
        second = second.Length == 0 ? "" : second[..1].ToUpperInvariant() + second[1..].ToLowerInvariant();
        string query = Clean($"{record.GetProperty("activity_label")}: {record.GetProperty("ctx_a")} {second}");
        List<string> choices = [.. record.GetProperty("endings").EnumerateArray().Select(ending => Clean(ending.GetString()!))];
        return new NaiveItem
        {
            Pairs = [.. choices.Select(choice => (query, " " + choice))],
            Gold = int.Parse(record.GetProperty("label").ToString(), CultureInfo.InvariantCulture),
            Choices = choices,
        };
    }

    private static string Clean(string text)
    {
        text = text.Trim().Replace(" [title]", ". ", StringComparison.Ordinal);
        return Regex.Replace(text, @"\[.*?\]", "").Replace("  ", " ", StringComparison.Ordinal);
    }

    private static NaiveItem Piqa(JsonElement record, string label)
    {
        string context = $"Question: {record.GetProperty("goal")}\nAnswer:";
        List<string> choices = [record.GetProperty("sol1").GetString()!, record.GetProperty("sol2").GetString()!];
        return new NaiveItem
        {
            Pairs = [.. choices.Select(choice => (context, " " + choice))],
            Gold = int.Parse(label, CultureInfo.InvariantCulture),
            Choices = choices,
        };
    }

    // A page begins with a line "= title =" that is no section's.
    private static List<string> Pages(string file)
    {
        var pages = new List<string>();
        var page = new List<string>();
        foreach (string line in file.Split('\n'))
        {
            string title = line.Replace("= = =", "===", StringComparison.Ordinal).Replace("= =", "==", StringComparison.Ordinal).Trim();
            if (title.StartsWith("= ", StringComparison.Ordinal) && title.EndsWith(" =", StringComparison.Ordinal))
            {
                pages.Add(string.Join('\n', page));
                page.Clear();
            }

            page.Add(line);
        }

        pages.Add(string.Join('\n', page));
        return [.. pages.Where(text => text.Trim().Length > 0)];
    }

    private static string Detokenize(string text)
    {
        text = text.Replace("s '", "s'", StringComparison.Ordinal);
        text = Regex.Replace(text, "/' [0-9]/", "/'[0-9]/");
        foreach (string mark in new[] { "-", ",", "." })
        {
            text = text.Replace($" @{mark}@ ", mark, StringComparison.Ordinal);
        }

        foreach (string mark in new[] { ":", ";", ".", "!", "?", "," })
        {
            text = text.Replace($" {mark} ", mark + " ", StringComparison.Ordinal);
        }

        text = Regex.Replace(text, @"\(\s*([^\)]*?)\s*\)", "($1)");
        text = Regex.Replace(text, @"\[\s*([^\]]*?)\s*\]", "[$1]");
        text = Regex.Replace(text, @"{\s*([^}]*?)\s*}", "{$1}");
        text = Regex.Replace(text, "\"\\s*([^\"]*?)\\s*\"", "\"$1\"");
        text = Regex.Replace(text, @"'\s*([^']*?)\s*'", "'$1'");
        (string Old, string New)[] last =
        [
            ("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" ° ", "°"), (" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s"),
        ];
        return last.Aggregate(text, (now, pair) => now.Replace(pair.Old, pair.New, StringComparison.Ordinal));
    }

    private static IEnumerable<JsonElement> Records(string path) => File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement);
}
