using System.CommandLine;
using System.Text;
using Palmyra.Cli;
using Palmyra.Cli.Commands;

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
var root = new RootCommand("Runs, scores and measures GPT-2, GPT-Neo and GPT-J models from Hugging Face folders.")
{
    GenerateCommand.Create(),
    EmbedCommand.Create(),
    TokenizeCommand.Create(),
    ScoreCommand.Create(),
    InspectCommand.Create(),
    ConvertCommand.Create(),
    VerifyCommand.Create(),
    EvalCommand.Create(),
    BenchCommand.Create(),
    QuantizeCommand.Create(),
    CardCommand.Create(),
    DevicesCommand.Create(),
};
return await Invocation.RunAsync(root, args);
