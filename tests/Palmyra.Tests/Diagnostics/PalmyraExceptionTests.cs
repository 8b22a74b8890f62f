using Palmyra.Diagnostics;

namespace Palmyra.Tests.Diagnostics;

public sealed class PalmyraExceptionTests
{
    [Fact]
    public void Names_out_of_files_cannot_steer_a_terminal_or_flood_a_log()
    {
        string name = "\x1B[2J" + new string('a', 5_000_000) + "\r\n\x9B";
        string message = new CheckpointException($"model.safetensors: tensor '{name}' is unknown; remove it.").Message;
        Assert.DoesNotContain(message, char.IsControl);
        Assert.InRange(message.Length, 100, 1100);
        Assert.StartsWith("model.safetensors: tensor '\uFFFD[2Jaaa", message, StringComparison.Ordinal);
        Assert.EndsWith("is unknown; remove it.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ordinary_messages_are_as_they_were_written()
    {
        const string Message = "vocab.json: token 'Ġé\u00A0👍' has no id.";
        Assert.Equal(Message, new TokenizationException(Message).Message);
    }
}
