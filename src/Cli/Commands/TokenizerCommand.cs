using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Text;
using ClipTrain.DataPipeline.Text.HuggingFace;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain tokenizer train|show|export</c></summary>
public static class TokenizerCommand
{
    private const string MergesDescription =
        "openai, a merge list, a Hugging Face tokenizer.json, or a folder with vocab.json and merges.txt.";
    private const int DefaultMerges = 2000,
        Context = 77;

    public static Command Create() => new("tokenizer", "Train, inspect or export a BPE vocabulary.") { Train(), Show(), Export() };

    private static Command Train()
    {
        var data = new Argument<string[]>("DATA")
        {
            Description = "Parquet files with captions, folders of them, or globs.",
            Arity = ArgumentArity.OneOrMore,
        };
        var size = new Option<int?>("--vocab-size")
        {
            Description =
                $"Vocabulary size: the number of merges plus {MergeList.TokensWithoutMerges} (256 bytes, 256 word-final bytes, start and "
                + "end tokens). OpenAI's is 49408.",
        };
        var merges = new Option<int?>("--merges") { Description = $"Number of merges, instead of --vocab-size. Default: {DefaultMerges}." };
        var output = new Option<string>("--output", "-o")
        {
            Description = "Output merge list; set data.merges to it in a run file.",
            Required = true,
        };
        var column = new Option<string?>("--caption-column")
        {
            Description = "Column of the captions. Default: detected by its usual names.",
        };
        var command = new Command("train", "Train a merge list on the captions of a corpus.") { data, size, merges, output, column };
        command.Validators.Add(result =>
        {
            if (result.GetValue(size) is not null && result.GetValue(merges) is not null)
            {
                result.AddError("--vocab-size and --merges are mutually exclusive.");
            }

            if (result.GetValue(size) < MergeList.TokensWithoutMerges || result.GetValue(merges) < 0)
            {
                result.AddError($"--vocab-size must be at least {MergeList.TokensWithoutMerges}, --merges at least 0.");
            }
        });
        command.SetAction(parsed =>
        {
            var manifest = CorpusManifest.Create(parsed.GetRequiredValue(data), null, parsed.GetValue(column));
            var wanted =
                parsed.GetValue(merges) ?? (parsed.GetValue(size) is { } tokens ? tokens - MergeList.TokensWithoutMerges : DefaultMerges);
            var progress = new ProgressLine(wanted);
            var bad = new List<string>();
            var learned = MergeTrainer.Learn(CorpusCaptions.Read(manifest, (key, reason) => bad.Add($"{key}: {reason}")), wanted, progress);
            progress.End();
            if (bad.Count > 0)
            {
                Console.Error.WriteLine($"{bad.Count} captions were skipped; the first is {bad[0]}");
            }

            learned.Save(parsed.GetRequiredValue(output));
            Console.WriteLine(
                $"{learned.Merges.Count} merges written to {parsed.GetRequiredValue(output)}: set data.merges to that path and "
                    + $"model.text.vocabulary to {learned.VocabularySize}."
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Show()
    {
        var text = new Argument<string>("TEXT");
        var merges = new Option<string>("--merges") { Description = MergesDescription, DefaultValueFactory = _ => "openai" };
        var command = new Command("show", "Print the token ids of a text.") { text, merges };
        command.SetAction(parsed =>
        {
            var tokenizer = new BpeTokenizer(RunPlan.Merges(parsed.GetRequiredValue(merges)), Context);
            var tokens = new long[Context];
            var end = tokenizer.Encode(parsed.GetRequiredValue(text), tokens);
            Console.WriteLine(string.Join(' ', tokens[..(end + 1)]));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Export()
    {
        var merges = new Argument<string>("MERGES") { Description = MergesDescription };
        var folder = new Argument<string>("DIR")
        {
            Description = "Output folder for vocab.json, merges.txt, tokenizer.json, special_tokens_map.json and tokenizer_config.json.",
        };
        var context = new Option<int>("--context") { Description = "The model's context length.", DefaultValueFactory = _ => Context };
        var command = new Command("export", "Export a vocabulary as Hugging Face tokenizer files.") { merges, folder, context };
        command.SetAction(parsed =>
        {
            var list = RunPlan.Merges(parsed.GetRequiredValue(merges));
            TokenizerFolder.Write(parsed.GetRequiredValue(folder), list, parsed.GetValue(context));
            Console.WriteLine($"{list.VocabularySize} tokens written to {parsed.GetRequiredValue(folder)}.");
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>
    /// A progress line on standard error, overwritten at most once a second. Silent if standard error is not a
    /// terminal.
    /// </summary>
    private sealed class ProgressLine(int merges) : IProgress<MergeProgress>
    {
        private long _shown;

        public void Report(MergeProgress value)
        {
            if (Console.IsErrorRedirected || TimeProvider.System.GetElapsedTime(_shown) < TimeSpan.FromSeconds(1))
            {
                return;
            }

            _shown = TimeProvider.System.GetTimestamp();
            Console.Error.Write($"\r{value.Captions:N0} captions, {value.Pieces:N0} words, {value.Merges:N0} of {merges:N0} merges");
        }

        public void End()
        {
            if (_shown != 0)
            {
                Console.Error.WriteLine();
            }
        }
    }
}
