using System.Text;
using CsCheck;
using Palmyra.Cards;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Cards;

public sealed class TrainerStateTests
{
    [Fact]
    public void Words_that_python_writes_for_numbers_mean_none()
    {
        TrainerState state = Parse(
            """
            {"global_step": 10, "epoch": 2.5, "total_flos": Infinity, "train_batch_size": 8, "num_input_tokens_seen": 0,
             "x": [NaN, -Infinity, -1, "NaN \" Infinity", {"Infinity": null}],
             "log_history": [{"eval_loss": 3}, {"eval_loss": 2.5}, {"loss": 1, "grad_norm": NaN}]}
            """);
        Assert.Equal(new TrainerState { Steps = 10, Epochs = 2.5, BatchSize = 8, EvaluationLoss = 2.5 }, state);
    }

    [Fact]
    public void Values_of_other_kinds_are_not_known() => Assert.Equal(
        new TrainerState(),
        Parse("""{"global_step": "10", "epoch": -1, "total_flos": [], "train_batch_size": 1.5, "num_input_tokens_seen": null, "log_history": [1, {"eval_loss": "x"}]}"""));

    /// <summary>An evaluation that gave no number is the last one all the same.</summary>
    [Fact]
    public void A_last_loss_without_a_number_is_not_known() =>
        Assert.Null(Parse("""{"log_history": [{"eval_loss": 3}, {"eval_loss": NaN}]}""").EvaluationLoss);

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("{\"a\": Nonsense}")]
    [InlineData("{\"wh\\ud800\": 1}")]
    [InlineData("{\"global_step\": 1, \"wh\\ud800\": {\"a\": \"\\udfff\"}}")]
    [InlineData("{\"log_history\": [{\"eval_loss\\ud800\": 1}]}")]
    public void What_is_no_object_is_refused(string json) =>
        Assert.StartsWith("f: expected a JSON object", Assert.Throws<CheckpointException>(() => Parse(json)).Message, StringComparison.Ordinal);

    /// <summary>Whatever a file holds, it is a record or a refusal.</summary>
    [Fact]
    public void Damaged_records_are_refused_and_nothing_else()
    {
        byte[] json = Encoding.UTF8.GetBytes(
            """{"global_step": 10, "epoch": 2.5, "total_flos": Infinity, "train_batch_size": 8, "log_history": [{"eval_loss": 3, "x\u00e9": "\ud83d\ude00"}, {"eval_loss": NaN}]}""");
        Gen.Select(Gen.Int[0, json.Length], Gen.Int[0, Damage.Pieces.Length - 1].Select(i => Damage.Pieces[i]), Gen.Byte, Gen.Int[0, 12]).Sample((at, piece, value, lost) =>
        {
            byte[] put = lost % 4 == 0 ? [value] : Encoding.UTF8.GetBytes(piece);
            byte[] damaged = [.. json[..at], .. put, .. json[Math.Min(json.Length, at + lost)..]];
            try
            {
                _ = TrainerState.Parse(damaged, "f");
            }
            catch (CheckpointException failure)
            {
                Assert.StartsWith("f: ", failure.Message, StringComparison.Ordinal);
            }
        });
    }

    [Fact]
    public void A_folder_without_a_record_has_none()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(TrainerState.Read(folder.Root));
        using (FileStream file = File.Create(folder[TrainerState.FileName]))
        {
            file.SetLength((64 << 20) + 1);
        }

        Assert.Throws<CheckpointException>(() => TrainerState.Read(folder.Root));
    }

    [SkippableFact]
    public void A_published_record_is_read()
    {
        string? folder = SharedData.PathOrNull("checkpoints/chemts-gpt2-zinc/gpt2_0.2m");
        Skip.If(folder is null, "../shared/checkpoints/chemts-gpt2-zinc is absent: it is other people's model and not part of the repository.");
        Assert.Equal(
            new TrainerState { Steps = 36600, Epochs = 100, BatchSize = 512, Flops = 1479596002458624, EvaluationLoss = 0.6529049277305603 },
            TrainerState.Read(folder));
    }

    private static TrainerState Parse(string json) => TrainerState.Parse(Encoding.UTF8.GetBytes(json), "f");
}
