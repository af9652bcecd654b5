using System.CommandLine;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Telemetry;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain tokenizer train|show</c></summary>
public static class TokenizerCommand
{
    public static Command Create() => new("tokenizer", "Learn or look at a BPE vocabulary.") { Train(), Show() };

    private static Command Train()
    {
        var data = new Argument<string[]>("DATA") { Description = "Parquet files, folders of them, or globs, whose captions are learned from.", Arity = ArgumentArity.OneOrMore };
        var merges = new Option<int>("--merges") { Description = "Merges to learn; the vocabulary has 514 more entries.", DefaultValueFactory = _ => 2000 };
        var output = new Option<string>("--output", "-o") { Description = "Merge list to write; a run names it as data.merges.", Required = true };
        var column = new Option<string?>("--caption-column") { Description = "Column with the captions; found by its usual names when left out." };
        var command = new Command("train", "Learn a merge list from a corpus' captions.") { data, merges, output, column };
        command.SetAction(parsed =>
        {
            var manifest = CorpusManifest.Create(parsed.GetRequiredValue(data), null, parsed.GetValue(column));
            var learned = MergeTrainer.Learn(CorpusCaptions.Read(manifest), parsed.GetValue(merges));
            learned.Save(parsed.GetRequiredValue(output));
            Console.WriteLine($"{learned.Merges.Count} merges written to {parsed.GetRequiredValue(output)}: set data.merges to that path and model.text.vocabulary to {learned.VocabularySize}.");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Show()
    {
        var text = new Argument<string>("TEXT");
        var merges = new Option<string>("--merges") { Description = "Merge list, or openai.", DefaultValueFactory = _ => "openai" };
        var command = new Command("show", "Print the tokens of a text.") { text, merges };
        command.SetAction(parsed =>
        {
            const int context = 77;
            var name = parsed.GetRequiredValue(merges);
            var tokenizer = name == "openai" ? BpeTokenizer.OpenAi(context) : BpeTokenizer.FromMerges(name, context);
            var tokens = new long[context];
            var end = tokenizer.Encode(parsed.GetRequiredValue(text), tokens);
            Console.WriteLine(string.Join(' ', tokens[..(end + 1)]));
            return ExitCodes.Ok;
        });
        return command;
    }
}
