package jenkins

/** The Jenkinsfile says something that Jenkins, or the rules of this repository, would not accept. */
class Refused extends IllegalStateException {

    Refused(String message) {
        super(message)
    }

}

/** A step failed, as a command with another exit status than 0 does. */
class StepFailed extends RuntimeException {

    StepFailed(String message) {
        super(message)
    }

}
