using System.CommandLine;
using ClipTrain.Cli.Doctor;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain doctor</c>: each component with its version and location, and a fix for each problem.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Check every component that cliptrain needs, and suggest fixes.");
        command.SetAction(_ =>
        {
            var findings = Checkup.All().ToList();
            foreach (var finding in findings)
            {
                Console.WriteLine($"{(finding.IsWell ? "ok   " : "WRONG")} {finding.Component.PadRight(16)} {finding.Found}");
                if (finding.Fix is { } fix)
                {
                    Console.WriteLine($"{new string(' ', 6 + 16)} fix: {fix}");
                }
            }

            return findings.All(finding => finding.IsWell) ? ExitCodes.Ok : ExitCodes.MissingComponent;
        });
        return command;
    }
}
