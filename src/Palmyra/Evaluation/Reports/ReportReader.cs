using System.Text.Json;
using Palmyra.Evaluation.Replay;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Evaluation.Reports;

/// <summary>What <see cref="ReportFile"/> reads: the fields of <see cref="ReportWriter"/>, each checked; unknown ones are ignored, null is absent.</summary>
internal static class ReportReader
{
    private const int LongestText = 2000;

    public static IReadOnlyList<ModelResults> Models(string file, JsonElement element)
    {
        var root = new RecordedValue(file, string.Empty, element);
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new RecordedValue(file, "the report", element).Wrong("a JSON object");
        }

        RecordedValue format = root.Required("format");
        if (format.Text() != ReportFile.Format)
        {
            throw format.Wrong($"\"{ReportFile.Format}\"");
        }

        return [.. root.Required("models").Items().Select(Model)];
    }

    private static ModelResults Model(RecordedValue value) => new(
        new ModelDescription
        {
            Name = Text(value.Required("name")),
            Where = Text(value.Required("where")),
            Digest = Text(Optional(value, "digest")),
            Weights = Text(Optional(value, "weights")),
            Settings = Text(Optional(value, "settings")),
            Parameters = Optional(value, "parameters") is RecordedValue parameters ? Count(parameters, 1) : null,
            TrainingFlopsPerToken = Flops(Optional(value, "training_flops_per_token")),
            TrainingTokens = Number(Optional(value, "training_tokens"), Positive, "a number above zero"),
            IsPublic = Flag(Optional(value, "public")),
            DatasetGigabytes = Number(Optional(value, "dataset_gigabytes"), NotNegative, "a number of zero or more"),
        },
        [.. value.Required("tasks").Items().Select(Task)]);

    private static TaskResult Task(RecordedValue value)
    {
        RecordedValue data = value.Required("data");
        return new TaskResult
        {
            Task = Text(value.Required("task")),
            Title = Text(value.Required("title")),
            Protocol = Text(value.Required("protocol")),
            FewShot = (int)Count(value.Required("few_shot"), 0, int.MaxValue),
            Items = (int)Count(value.Required("items"), 0, int.MaxValue),
            Limit = Optional(value, "limit") is RecordedValue limit ? (int)Count(limit, 1, int.MaxValue) : null,
            ItemsCut = Optional(value, "items_cut") is RecordedValue cut ? (int)Count(cut, 0, int.MaxValue) : 0,
            DataName = Text(data.Required("name")),
            DataSha256 = Sha256(data.Required("sha256")),
            DataBeside = Optional(data, "beside") is RecordedValue beside
                ? [.. beside.Items().Select(file => new FileSum(Text(file.Required("name")), Sha256(file.Required("sha256"))))]
                : [],
            DataKnownAs = Text(Optional(data, "known_as")),
            DataIsDerived = Flag(Optional(data, "derived")) ?? false,
            Chance = Number(Optional(value, "chance"), Share, "0 to 1"),
            Metrics = [.. value.Required("metrics").Items().Select(Metric)],
            Run = Optional(value, "run") is RecordedValue run ? Run(run) : null,
        };
    }

    private static MetricValue Metric(RecordedValue value)
    {
        string name = Text(value.Required("name"));
        RecordedValue number = value.Required("value");
        double measured = ReportNumber.IsAccuracy(name)
            ? Number(number, Share, "an accuracy, 0 to 1")
            : Number(number, any => !(any < 0), "a number of zero or more");
        return new MetricValue(name, measured, Number(Optional(value, "standard_error"), any => !(any < 0), "a number of zero or more"));
    }

    private static RunFacts Run(RecordedValue value)
    {
        RecordedValue started = value.Required("started");
        _ = started.Text();
        return new RunFacts(
            started.Element.TryGetDateTimeOffset(out DateTimeOffset time) ? time : throw started.Wrong("a time such as \"2026-01-31T12:00:00+00:00\""),
            Number(value.Required("seconds"), NotNegative, "a number of zero or more"),
            Count(value.Required("tokens_computed"), 0),
            Text(Optional(value, "on")));
    }

    private static Dictionary<string, double> Flops(RecordedValue? value)
    {
        var flops = new Dictionary<string, double>(StringComparer.Ordinal);
        if (value is RecordedValue table)
        {
            if (table.Element.ValueKind != JsonValueKind.Object)
            {
                throw table.Wrong("an object of numbers");
            }

            foreach (JsonProperty property in table.Element.EnumerateObject())
            {
                flops.Add(property.Name, Number(table.Required(property.Name), Positive, "a number above zero"));
            }
        }

        return flops;
    }

    private static bool Positive(double value) => double.IsFinite(value) && value > 0;

    private static bool NotNegative(double value) => double.IsFinite(value) && value >= 0;

    private static bool Share(double value) => value is >= 0 and <= 1;

    private static RecordedValue? Optional(RecordedValue value, string key) =>
        value.Optional(key) is { Element.ValueKind: not JsonValueKind.Null } found ? found : null;

    private static string? Text(RecordedValue? value) => value is RecordedValue there ? Text(there) : null;

    private static string Text(RecordedValue value)
    {
        string text = value.Text();
        return text.Length is > 0 and <= LongestText ? text : throw value.Wrong($"a text of 1 to {LongestText} characters");
    }

    private static string Sha256(RecordedValue value)
    {
        string text = value.Text();
        return text.Length == 64 && text.All(char.IsAsciiHexDigitLower) ? text : throw value.Wrong("64 hexadecimal digits in lower case");
    }

    private static bool? Flag(RecordedValue? value) => value?.Element.ValueKind switch
    {
        null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw value.Value.Wrong("true or false"),
    };

    private static long Count(RecordedValue value, long least, long most = long.MaxValue) =>
        value.Element.ValueKind == JsonValueKind.Number && value.Element.TryGetInt64(out long count) && count >= least && count <= most
            ? count
            : throw value.Wrong($"a whole number from {least} on");

    private static double? Number(RecordedValue? value, Func<double, bool> allowed, string expected) =>
        value is RecordedValue there ? Number(there, allowed, expected) : null;

    private static double Number(RecordedValue value, Func<double, bool> allowed, string expected)
    {
        double? number = value.Element.ValueKind switch
        {
            JsonValueKind.Number => value.Element.GetDouble(),
            JsonValueKind.String => value.Text() switch
            {
                "Infinity" => double.PositiveInfinity,
                "-Infinity" => double.NegativeInfinity,
                "NaN" => double.NaN,
                _ => null,
            },
            _ => null,
        };
        return number is double found && allowed(found) ? found : throw value.Wrong(expected);
    }
}
