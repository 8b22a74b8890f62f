using System.Text.Json;
using Palmyra.Gpu.Bundle;
using Palmyra.Gpu.Bundle.Parts;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests.Bundle;

/// <summary>The runner that travels to GPU machines, tried on the interpreter of PTX.</summary>
public sealed class BundleRunTests : IDisposable
{
    private static readonly OpCase[] Few =
    [
        .. OpCases.All.Where(test => test.Name is "Linear 1 x 16 -> 48 F32 Relu" or "GatherRows" or "Rotate 4 of 4, 1 heads"
            || test.Name.StartsWith("Linear 17 x 771 -> 30 Q8", StringComparison.Ordinal)),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-bundle-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Prints_one_table_of_cases_fixtures_and_kernels()
    {
        CopyFixture("gpt2");
        (int code, string[] lines, JsonElement[] rows) = Run(Few, "--interpreter", "--models", _folder);
        Assert.Equal(0, code);
        Assert.Contains("interpreter of PTX, not a GPU", lines[0]);
        Assert.Contains("No time below means anything", lines[0]);
        Assert.Equal("part", lines[2].Split(' ')[0]);
        Assert.Equal(rows.Length, lines.Count(line => Parts(rows).Contains(line.Split(' ')[0])));
        Assert.StartsWith($"{rows.Length} rows: {Of(rows, "case") + 1} agree, 0 disagree", lines[^1]);

        Assert.Equal(["device", "case", "fixture", "kernel"], Parts(rows));
        Assert.Equal(Few.Length + 1, rows.Where(row => Text(row, "part") == "case").Sum(row => Fact(row, "cases")));
        JsonElement exact = rows.Single(row => Text(row, "name") == "Linear Q8 exact");
        Assert.InRange(exact.GetProperty("median").GetDouble(), 0, exact.GetProperty("bound").GetDouble());
        JsonElement fixture = rows.Single(row => Text(row, "part") == "fixture");
        Assert.Equal("gpt2 F32", Text(fixture, "name"));
        Assert.True(Fact(fixture, "sections") > 10);
        Assert.All(rows.Where(row => Text(row, "part") == "kernel"), row => Assert.Equal(0, Fact(row, "local bytes")));
        Assert.Contains(rows, row => Text(row, "name") == "Multiply<SmallTile, GemmQ8>" && Fact(row, "dynamic shared bytes") > 0);
    }

    [Fact]
    public void A_case_that_disagrees_fails_the_run()
    {
        int calls = 0;
        (int code, string[] lines, JsonElement[] rows) = Run([.. Few, new OpCase("Planted", 1e-3, _ => [++calls])], "--interpreter", "--cases");
        Assert.Equal(1, code);
        Assert.Contains(lines, line => line.StartsWith("case      Planted", StringComparison.Ordinal) && line.Contains(" NO "));
        Assert.Contains(", 1 disagree or failed", lines[^1]);
        Assert.False(rows.Single(row => Text(row, "name") == "Planted").GetProperty("agrees").GetBoolean());
    }

    [Fact]
    public void A_case_that_throws_fails_the_run_and_stops_nothing()
    {
        OpCase broken = new("Broken", 1, backend => backend.Description.StartsWith("gpu", StringComparison.Ordinal) ? throw new InvalidOperationException("torn") : []);
        (int code, string[] lines, JsonElement[] rows) = Run([broken, .. Few], "--interpreter", "--cases");
        Assert.Equal(1, code);
        Assert.Contains(lines, line => line.StartsWith("case      Broken", StringComparison.Ordinal) && line.EndsWith("torn", StringComparison.Ordinal));
        Assert.Equal(Of(rows, "case") - 1, rows.Count(row => row.TryGetProperty("agrees", out JsonElement agrees) && agrees.GetBoolean()));
    }

    [Fact]
    public void A_fixture_that_disagrees_fails_the_run()
    {
        string recording = Path.Combine(CopyFixture("gpt2"), "expected.json");
        string text = File.ReadAllText(recording);
        int at = text.IndexOfAny([.. "0123456789"], text.IndexOf("\"greedy_next\"", StringComparison.Ordinal));
        File.WriteAllText(recording, text.Insert(at, "9"));
        (int code, _, JsonElement[] rows) = Run(Few, "--interpreter", "--fixtures", "--models", _folder);
        Assert.Equal(1, code);
        JsonElement row = rows.Single(row => Text(row, "part") == "fixture");
        Assert.Equal((1, "worst: greedy next"), (Fact(row, "failed"), Text(row, "note")));
    }

    [Fact]
    public void No_fixtures_are_a_failure()
    {
        (int code, string[] lines, _) = Run(Few, "--interpreter", "--fixtures", "--models", _folder);
        Assert.Equal(1, code);
        Assert.Contains(lines, line => line.Contains("no models were found"));
    }

    [Fact]
    public void Measures_everything_it_says_it_does()
    {
        (int code, string[] lines, JsonElement[] rows) = Run(Few, "--interpreter", "--speed");
        Assert.True(code == 0, string.Join('\n', lines));
        Assert.Equal(["device", "copy", "gemv", "few", "gemm", "attention", "top", "model"], Parts(rows));
        Assert.Equal((5, 12, 4, 6, 4, 9), (Of(rows, "gemv"), Of(rows, "few"), Of(rows, "gemm"), Of(rows, "attention"), Of(rows, "top"), Of(rows, "model")));
        Assert.All(rows.Skip(1), row => Assert.Equal(2, row.GetProperty("values").GetArrayLength()));
        Assert.All(rows.Where(row => Text(row, "part") == "few"), row => Assert.True(row.GetProperty("agrees").GetBoolean()));
        Assert.All(
            rows.Where(row => Text(row, "name").Contains("decode")),
            row => Assert.True(Fact(row, "launches a token") + Fact(row, "replays a token") > 0));
        JsonElement[] apart = [.. rows.Where(row => Text(row, "name").EndsWith("launches apart", StringComparison.Ordinal))];
        Assert.Equal(3, apart.Length);
        Assert.All(apart, row =>
        {
            JsonElement fused = rows.Single(other => Text(row, "name") == $"{Text(other, "name")}, launches apart");
            Assert.True(fused.GetProperty("agrees").GetBoolean());
            Assert.True(Fact(fused, "kernels a token") < Fact(row, "kernels a token"));
        });
    }

    [Theory]
    [InlineData("--json", "--json was expected to be followed by a value.")]
    [InlineData("--spead", "The option '--spead' is not known; --help lists them.")]
    public void Refuses_what_it_does_not_know(string option, string sentence)
    {
        using var error = new StringWriter();
        Assert.Equal(2, BundleRun.Run([option], Few, TextWriter.Null, error));
        Assert.Equal(sentence, error.ToString().Trim());
    }

    [Fact]
    public void Large_cases_have_the_bounds_of_their_kind()
    {
        Assert.Equal(11, LargeCases.All.Count);
        Assert.All(LargeCases.All, test => Assert.Contains(OpCases.All, other => other.Name.Split(' ')[0] == test.Name.Split(' ')[0] && other.Bound == test.Bound));
        Assert.Equal(7, LargeCases.All.Count(GpuBounds.IsOnTensorCores));
    }

    private (int Code, string[] Lines, JsonElement[] Rows) Run(OpCase[] cases, params string[] args)
    {
        string json = Path.Combine(_folder, "found.json");
        using var output = new StringWriter();
        int code = BundleRun.Run([.. args, "--json", json], cases, output, TextWriter.Null);
        using JsonDocument rows = JsonDocument.Parse(File.ReadAllText(json));
        return (code, output.ToString().TrimEnd().Split(Environment.NewLine), [.. rows.RootElement.EnumerateArray().Select(row => row.Clone())]);
    }

    private string CopyFixture(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        foreach (string file in Directory.GetFiles(Fixtures.Path($"models/{name}")))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return folder;
    }

    private static string[] Parts(JsonElement[] rows) => [.. rows.Select(row => Text(row, "part")).Distinct()];

    private static int Of(JsonElement[] rows, string part) => rows.Count(row => Text(row, "part") == part);

    private static string Text(JsonElement row, string name) => row.GetProperty(name).GetString()!;

    private static double Fact(JsonElement row, string name) => row.GetProperty("facts").GetProperty(name).GetDouble();
}
