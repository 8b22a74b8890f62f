using System.Text.Json;
using Palmyra.Storyteller;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Cli.Tests;

/// <summary><c>verify</c> as a process: agreement, disagreement, JSON.</summary>
public sealed class VerifyTests
{
    [Fact]
    public void Every_model_of_a_parent_folder_agrees()
    {
        JsonElement[] reports = CommandLine.Run("verify", Fixtures.Path("models"), "--json").JsonLines();
        Assert.Equal(Fixtures.Models.Count, reports.Length);
        Assert.All(reports, report => Assert.True(report.GetProperty("passed").GetBoolean(), report.ToString()));
    }

    [Fact]
    public void The_default_model_agrees_on_the_reference_backend()
    {
        RunResult result = CommandLine.Run("verify", Fixtures.Path("storyteller"), "--model", DefaultModel.Folder, "--backend", "reference");
        Assert.Equal((0, string.Empty), (result.ExitCode, result.Error));
        Assert.Contains(": agrees", result.Output, StringComparison.Ordinal);
        Assert.Contains("text: greedy-0", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_number_exits_with_1_and_is_located()
    {
        string folder = Directory.CreateTempSubdirectory("palmyra-verify-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(Fixtures.Path("models/gptj")))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            string path = Path.Combine(folder, "expected.json");
            string recorded = File.ReadAllText(path);
            Assert.Contains("\"temperature\": 0.7", recorded, StringComparison.Ordinal);
            File.WriteAllText(path, recorded.Replace("\"temperature\": 0.7", "\"temperature\": 0.71", StringComparison.Ordinal));
            RunResult result = CommandLine.Run("verify", folder);
            Assert.Equal(1, result.ExitCode);
            Assert.Contains(": DIFFERS", result.Output, StringComparison.Ordinal);
            Assert.Matches(@"filter: temperature .* FAILED at processor\.0\[\d+\]", result.Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_folder_without_recordings_is_a_usage_error() =>
        CommandLine.Run("verify", Fixtures.Path("refused")).Refuses(2, "holds expected.json");
}
