using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Evaluation;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Reports;

public sealed class ReportFileTests
{
    [Fact]
    public void A_report_comes_back_as_it_was()
    {
        using var folder = new TemporaryFolder();
        string path = folder[ReportFile.FileName];
        ReportFile.Write(path, SampleReport.Full);
        string text = File.ReadAllText(path);
        EvaluationReport read = ReportFile.Read(path);

        // Records with lists compare by reference; what is written of both compares all of it.
        Assert.Equal(text, Json(read, indented: true) + "\n");
        ModelResults model = read.Models[0];
        Assert.Equal(SampleReport.Full.Models[0].Tasks[0].Run, model.Tasks[0].Run);
        Assert.Equal(0.1 + 0.2, model.Tasks[0].Metrics[0].StandardError);
        Assert.Equal(402.13e9, model.Model.TrainingTokens);
        Assert.Equal(["6ND", "PaLM"], model.Model.TrainingFlopsPerToken.Keys);
        Assert.Equal("cpu (AVX-512, 2 threads)", model.Tasks[0].Run!.On);
        Assert.Equal("split by \\w", model.Model.Settings);
        Assert.Equal([12, 0], new[] { model.Tasks[0].ItemsCut, model.Tasks[1].ItemsCut });
        Assert.Equal(SampleReport.HostileName, read.Models[1].Model.Name);
        Assert.Equal(double.PositiveInfinity, read.Models[1].Tasks[0].Metrics[0].Value);
        Assert.Null(read.Models[1].Tasks[0].Run);
        Assert.Null(read.Models[1].Model.Parameters);
    }

    [Fact]
    public void Every_double_comes_back_bit_for_bit() => Gen.Double.Where(value => value >= 0).Sample(value =>
    {
        EvaluationReport report = SampleReport.One(new ModelDescription { Name = "m", Where = "w" }, SampleReport.Lambada(0.5, value));
        double read = ReportFile.Parse(Encoding.UTF8.GetBytes(Json(report)), "f").Models[0].Tasks[0].Metrics[0].Value;
        Assert.Equal(BitConverter.DoubleToInt64Bits(value), BitConverter.DoubleToInt64Bits(read));
    });

    [Fact]
    public void Only_the_run_differs_from_run_to_run()
    {
        TaskResult task = SampleReport.Lambada(0.5, 2);
        var model = new ModelDescription { Name = "m", Where = "w" };
        string first = Json(SampleReport.One(model, task));
        string second = Json(SampleReport.One(model, task with { Run = new RunFacts(DateTimeOffset.UnixEpoch, 1, 2, "another machine") }));
        Assert.NotEqual(first, second);
        static string WithoutRun(string json) => json[..json.IndexOf("\"run\"", StringComparison.Ordinal)];
        Assert.Equal(WithoutRun(first), WithoutRun(second));
    }

    [Theory]
    [InlineData("\"palmyra-evaluation/1\"", "\"palmyra-evaluation/2\"", "format was expected to be \"palmyra-evaluation/1\"; found \"palmyra-evaluation/2\"")]
    [InlineData("\"models\":[", "\"model\":[", "models is missing")]
    [InlineData("\"name\":\"first\"", "\"name\":7", "models[0].name was expected to be a text; found 7")]
    [InlineData("\"name\":\"first\"", "\"name\":\"\"", "models[0].name was expected to be a text of 1 to")]
    [InlineData("\"parameters\":6053381344", "\"parameters\":-1", "models[0].parameters was expected to be a whole number from 1 on; found -1")]
    [InlineData("\"parameters\":6053381344", "\"parameters\":1.5", "models[0].parameters was expected to be a whole number")]
    [InlineData("\"public\":true", "\"public\":\"yes\"", "models[0].public was expected to be true or false; found \"yes\"")]
    [InlineData("\"6ND\":36320288064", "\"6ND\":-2", "models[0].training_flops_per_token.6ND was expected to be a number above zero; found -2")]
    [InlineData("\"items\":5153", "\"items\":1e99", "models[0].tasks[0].items was expected to be a whole number")]
    [InlineData("\"value\":4.1026", "\"value\":\"4\"", "models[0].tasks[0].metrics[0].value was expected to be a number of zero or more; found \"4\"")]
    [InlineData("\"value\":0.6827", "\"value\":68.27", "models[0].tasks[0].metrics[1].value was expected to be an accuracy, 0 to 1; found 68.27")]
    [InlineData("\"chance\":0.5", "\"chance\":\"NaN\"", "models[0].tasks[1].chance was expected to be 0 to 1")]
    [InlineData("\"sha256\":\"aa", "\"sha256\":\"A|", "models[0].tasks[0].data.sha256 was expected to be 64 hexadecimal digits")]
    [InlineData("\"started\":\"2026", "\"started\":\"soon", "models[0].tasks[0].run.started was expected to be a time")]
    [InlineData("\"on\":\"cpu (AVX-512, 2 threads)\"", "\"on\":2", "models[0].tasks[0].run.on was expected to be a text; found 2")]
    [InlineData("\"settings\":\"split", "\"settings\":\"\",\"x\":\"", "models[0].settings was expected to be a text of 1 to")]
    [InlineData("\"items_cut\":12", "\"items_cut\":-1", "models[0].tasks[0].items_cut was expected to be a whole number from 0 on; found -1")]
    [InlineData("\"format\":", "\"format\":1,\"format\":", "does not parse")]
    [InlineData("\"6ND\":", "\"6ND\\ud800\":", "found half a surrogate pair")]
    [InlineData("\"format\":", "\"wh\\ud800\":1,\"format\":", "found half a surrogate pair")]
    [InlineData("\"first\"", "\"\\udfff\"", "found half a surrogate pair")]
    [InlineData("{\"format\"", "[\"format\"", "does not parse")]
    public void A_wrong_value_is_refused_in_a_sentence(string right, string wrong, string message)
    {
        string json = Json(SampleReport.Full);
        int at = json.IndexOf(right, StringComparison.Ordinal);
        Assert.True(at >= 0, json);
        byte[] changed = Encoding.UTF8.GetBytes(json[..at] + wrong + json[(at + right.Length)..]);
        EvaluationException failure = Assert.Throws<EvaluationException>(() => ReportFile.Parse(changed, "my.json"));
        Assert.StartsWith("my.json: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_absent_a_list_or_too_long_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder["r.json"];
        Assert.Throws<EvaluationException>(() => ReportFile.Read(path));
        File.WriteAllText(path, "[]");
        Assert.Contains("expected to be a JSON object", Assert.Throws<EvaluationException>(() => ReportFile.Read(path)).Message, StringComparison.Ordinal);
        using (FileStream stream = File.Create(path))
        {
            stream.SetLength((16 << 20) + 1);
        }

        Assert.Contains("at most", Assert.Throws<EvaluationException>(() => ReportFile.Read(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>Whatever a file holds, it is a report or a refusal.</summary>
    [Fact]
    public void Damaged_files_are_refused_and_nothing_else()
    {
        byte[] json = Encoding.UTF8.GetBytes(Json(SampleReport.Full));
        Gen.Select(Gen.Int[0, json.Length - 1], Gen.Byte, Gen.Int[0, json.Length]).Sample((at, value, length) =>
        {
            byte[] damaged = [.. json[..Math.Max(length, at + 1)]];
            damaged[at] = value;
            try
            {
                _ = ReportFile.Parse(damaged, "f");
            }
            catch (EvaluationException)
            {
                // Refused, as it should be.
            }
        });
    }

    /// <summary>The same where what is put in is likelier to mean something to a reader of JSON.</summary>
    [Fact]
    public void Files_with_foreign_pieces_are_refused_and_nothing_else()
    {
        byte[] json = Encoding.UTF8.GetBytes(Json(SampleReport.Full));
        Gen.Select(Gen.Int[0, json.Length], Gen.Int[0, Damage.Pieces.Length - 1].Select(i => Damage.Pieces[i]), Gen.Int[0, 12]).Sample((at, piece, lost) =>
        {
            byte[] damaged = [.. json[..at], .. Encoding.UTF8.GetBytes(piece), .. json[Math.Min(json.Length, at + lost)..]];
            try
            {
                _ = ReportFile.Parse(damaged, "f");
            }
            catch (EvaluationException)
            {
                // Refused, as it should be.
            }
        });
    }

    private static string Json(EvaluationReport report, bool indented = false)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions
        {
            Indented = indented, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            ReportFile.Write(writer, report);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
